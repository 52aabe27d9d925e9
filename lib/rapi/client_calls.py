"""What the methods of the RAPI client have in common: reading a resource, and having a job submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.rapi.client_http import ClientError, Http, QueryArgs, given, path_of

Document = dict[str, Any]
"""An object of JSON, with the keys the interface names."""


class Calls:
    """Base of the groups of methods; each of them is about one noun."""

    _http: Http

    def _get(self, path: str, **query: object) -> Any:
        return self._http.request("GET", path, query)

    def _list(self, path: str, key: str, bulk: bool) -> list[Any]:
        """Return the names of what a collection holds, or with `bulk` all that is known of each."""
        found: list[Any] = self._get(path, bulk=True) if bulk else [row[key] for row in self._get(path)]
        return found

    def _job(self, method: str, path: str, *, body: object = None, **query: object) -> int:
        """Have a job submitted and return its id."""
        answer = self._http.request(method, path, _meant(query), body)
        if not isinstance(answer, int):
            raise ClientError(f"{method} {path} answers {answer!r:.80}, which is no job id: is this server older?")
        return answer

    # --- tags: the same for everything that has them ---

    def _tags(self, *place: str) -> list[str]:
        tags: list[str] = self._get(path_of(*place, "tags"))
        return tags

    def _add_tags(self, place: Sequence[str], tags: Sequence[str], dry_run: bool, reason: str | None) -> int:
        return self._job("PUT", path_of(*place, "tags"), tag=_checked(tags), dry_run=dry_run, reason=reason)

    def _delete_tags(self, place: Sequence[str], tags: Sequence[str], dry_run: bool, reason: str | None) -> int:
        return self._job("DELETE", path_of(*place, "tags"), tag=_checked(tags), dry_run=dry_run, reason=reason)


def body_of(**values: object) -> Document:
    """Return a body that says what is not None."""
    return given(**values)


def comma(values: Sequence[str] | str) -> str:
    """Return a list as it is written in an address."""
    return values if isinstance(values, str) else ",".join(values)


def _meant(query: QueryArgs) -> QueryArgs:
    """Return the arguments without a dry run that is none: it is not even mentioned."""
    return {name: value for name, value in query.items() if (name, value) != ("dry_run", False)}


def _checked(tags: Sequence[str]) -> Sequence[str]:
    if isinstance(tags, str):
        raise ClientError(f"tags are a list, not one string: [{tags!r}]")
    if not tags:
        raise ClientError("no tags were given")
    return list(tags)
