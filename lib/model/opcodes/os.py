"""Operations on OS definitions and external storage providers: both are found on nodes."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.results import Rows
from ganeti.model.scalars import NonEmptyStr, OsName
from ganeti.schema import param


class OpOsDiagnose(OpCode):
    """List OS definitions and whether each node has a valid copy."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    names: Sequence[OsName] = param(default=(), doc="OS definitions to look at; none given means all")


class OpExtStorageDiagnose(OpCode):
    """List external storage providers and whether each node has a valid copy."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    names: Sequence[NonEmptyStr] = param(default=(), doc="Providers to look at; none given means all")
