import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.cli import values
from ganeti.cli.command import Command, load_program
from ganeti.cli.failures import UsageError
from ganeti.cli.help import command_help
from ganeti.cli.options.table import OPTIONS
from ganeti.cli.parse import Parsed, parse


def parsed(program: str, *words: str) -> Parsed:
    table = load_program(program)
    command = table.find(words[0])
    assert command is not None
    return parse(command, words[1:])


def with_option(option: str, *words: str) -> object:
    command = Command("try", "no:where", "Try.", "try", ("unknown 0..*",), (option,))
    return getattr(parse(command, words).options, OPTIONS[option].dest)


@pytest.mark.parametrize(
    ("option", "words", "value"),
    [
        ("output", ("-o", "a,b"), "a,b"),
        ("output", ("-oa,b",), "a,b"),
        ("output", ("--output=a=b",), "a=b"),
        ("output", ("--outp", "a"), "a"),
        ("output", ("--output=",), ""),
        ("output", (), None),
        ("shutdown-timeout", (), 120),
        ("shutdown-timeout", ("--shutdown-timeout", "-5"), -5),
        ("power-delay", ("--power-delay=0.5",), 0.5),
        ("os-size", ("-s", "1.5g"), 1536),
        ("os-size", ("-s", "5"), 8),
        ("hidden", ("--hidden=YES",), True),
        ("hidden", ("--hidden", "false"), False),
        ("ipolicy-disk-templates", ("--ipolicy-disk-templates", "drbd,plain"), ["drbd", "plain"]),
        ("ipolicy-disk-templates", ("--ipolicy-disk-templates=",), []),
        ("ipolicy-vcpu-ratio", ("--ipolicy-vcpu-ratio", "default"), "default"),
        ("ipolicy-vcpu-ratio", ("--ipolicy-vcpu-ratio", "4"), 4.0),
        ("backend-parameters", ("-B", "memory=1g,no_auto_balance,flag"),
         {"memory": "1g", "auto_balance": False, "flag": True}),
        ("backend-parameters", ("-B", "-memory"), {"memory": None}),
        ("backend-parameters", ("-B", r"a=x\,y"), {"a": "x,y"}),
        ("os-parameters-secret", ("--os-parameters-secret", "k=v"), {"k": "v"}),
        ("hypervisor-parameters#2", ("-H", "kvm:acpi=false"), ("kvm", {"acpi": "false"})),
        ("disk", ("--disk", "0:size=1g", "--disk", "-1:remove"), [("0", {"size": "1g"}), ("-1", {"remove": True})]),
        ("net", ("--net", "no_0"), [("0", False)]),
        ("ipolicy-bounds-specs", ("--ipolicy-bounds-specs", "min:a=1/max:a=2//min:a=3"),
         [{"min": {"a": "1"}, "max": {"a": "2"}}, {"min": {"a": "3"}}]),
        ("predicates", ("--predicates", '[["jobid", ["=", "id", 1]]]'), [["jobid", ["=", "id", 1]]]),
        ("action", ("--action", "RATE_LIMIT 3"), ["RATE_LIMIT", 3]),
        ("action", ("--action", "PAUSE"), "PAUSE"),
        ("priority", ("--priority", "low"), 10),
        ("priority", ("--priority=high",), -10),
        ("priority", (), None),
        ("submit", ("--submit",), True),
        ("no-start", (), True),
        ("no-start", ("--no-start",), False),
        ("debug", ("-dd", "--debug"), 3),
        ("pending", ("--pending",), ("canceling", "queued", "waiting")),
        ("node", ("-n", "a", "--node=b"), ["a", "b"]),
        ("type", ("-t", "full"), "full"),
        ("type", (), "hard"),
    ],
)  # fmt: skip
def test_option_has_the_value(option: str, words: tuple[str, ...], value: object) -> None:
    if option == "debug":
        assert parse(Command("try", "no:where", "Try.", "try"), words).options.debug == value
    else:
        assert with_option(option, *words) == value


@pytest.mark.parametrize(
    ("option", "words", "message"),
    [
        ("shutdown-timeout", ("--shutdown-timeout=soon",), "'soon': not a whole number"),
        ("power-delay", ("--power-delay", "x"), "not a number"),
        ("os-size", ("-s", "big"), "such as 20g"),
        ("hidden", ("--hidden", "maybe"), "neither yes nor no"),
        ("backend-parameters", ("-B", "a=1,a=2"), "key a is given twice"),
        ("type", ("-t", "ful"), "one of full, hard, soft (did you mean full?)"),
        ("priority", ("--priority", "urgent"), "one of low, normal, high"),
        ("output", ("-o",), "option -o needs a value: -o FIELDS"),
        ("submit", ("--sumbit",), "unknown option --sumbit (did you mean --submit?)"),
        ("submit", ("--submit=yes",), "takes no value"),
        ("submit", ("-x",), "unknown option -x"),
        ("ipolicy-vcpu-ratio", ("--ipolicy-vcpu-ratio", "many"), 'nor "default"'),
        ("ipolicy-bounds-specs", ("--ipolicy-bounds-specs", "no_min"), "has no values"),
        ("predicates", ("--predicates", "["), "JSON"),
        ("action", ("--action", "RATE_LIMIT x"), "not a whole number"),
    ],
)
def test_wrong_value_is_told_with_the_option_and_what_would_be_right(
    option: str, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        with_option(option, *words)

    assert message in str(caught.value)


def test_beginning_of_a_flag_that_fits_two_is_refused_with_both() -> None:
    with pytest.raises(UsageError, match="can mean --pri-node-tags, --primary, --print-jobid, --priority"):
        parsed("gnt-instance", "startup", "--pri", "web1")


def test_options_stand_before_arguments_and_what_follows_is_not_read() -> None:
    assert parsed("gnt-cluster", "command", "-n", "a", "ls", "-l", "--all").args == ["ls", "-l", "--all"]


def test_option_behind_an_argument_is_explained() -> None:
    with pytest.raises(UsageError, match="too many arguments: --static; options have to stand before"):
        parsed("gnt-node", "remove", "node1", "--static")


def test_two_dashes_end_the_options_and_one_is_an_argument() -> None:
    assert parsed("gnt-instance", "list", "--", "-o").args == ["-o"]
    assert parsed("gnt-instance", "list", "-").args == ["-"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("rename", "a"), "missing argument: HOST"),
        (("rename", "a", "b", "c"), "too many arguments: c"),
    ],
)
def test_number_of_arguments_is_checked(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parsed("gnt-instance", *words)


@pytest.mark.parametrize(
    ("program", "command", "word"),
    [
        ("gnt-cluster", "search-tags", "PATTERN"),
        ("gnt-debug", "delay", "SECONDS"),
        ("gnt-instance", "list", "INSTANCE"),
    ],
)
def test_usage_and_messages_call_an_argument_the_same(program: str, command: str, word: str) -> None:
    table = load_program(program)
    row = table.find(command)
    assert row is not None

    assert word in command_help(table, row).splitlines()[0]
    if row.arguments[0].least:
        with pytest.raises(UsageError, match=f"missing argument: {word}$"):
            parsed(program, command)


def test_argument_with_choices_has_to_be_one_of_them() -> None:
    with pytest.raises(UsageError, match=r"'darin' is not one of drain, undrain, info \(did you mean drain\?\)"):
        parsed("gnt-cluster", "queue", "darin")
    with pytest.raises(UsageError, match="missing argument: one of drain, undrain, info"):
        parsed("gnt-cluster", "queue")


def test_option_of_older_releases_is_accepted_with_a_note() -> None:
    result = parsed("gnt-instance", "add", "--no-name-check", "web1")

    assert result.notes == ["option --no-name-check: has no effect: names are resolved only with --name-check"]


def test_defaults_are_not_shared_between_runs() -> None:
    parsed("gnt-instance", "add", "--disk", "0:size=1g", "web1").options.disks.append("more")

    assert parsed("gnt-instance", "add", "web1").options.disks == []


def test_help_is_wanted_wherever_an_option_may_stand() -> None:
    assert parsed("gnt-instance", "startup", "--force", "--help", "x").wants_help
    assert not parsed("gnt-cluster", "command", "ls", "--help").wants_help


@given(st.lists(st.text(alphabet="-=abcdefno:, /0", max_size=8), max_size=5))
def test_whatever_is_typed_is_read_or_refused(words: list[str]) -> None:
    command = load_program("gnt-instance").find("add")
    assert command is not None

    try:
        parse(command, words)
    except UsageError as err:
        assert str(err)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30m", 1800), ("1d", 86400), ("4w", 2419200), ("all", -1), ("5s", 5)]
)
def test_age_has_units(text: str, seconds: int) -> None:
    assert values.read_age(text) == seconds


@pytest.mark.parametrize("text", ["", "d", "1y", "-1", "1.5h"])
def test_age_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 4h"):
        values.read_age(text)


def test_user_ids_are_ranges() -> None:
    assert values.read_uid_pool("1000-1010,2000") == [(1000, 1010), (2000, 2000)]
    assert values.read_uid_pool("") == []
    for wrong in ("10-5", "a", "1-"):
        with pytest.raises(UsageError, match="1000-1010"):
            values.read_uid_pool(wrong)


def test_repeated_ident_is_refused() -> None:
    with pytest.raises(UsageError, match="kvm is given twice"):
        values.by_ident([("kvm", {"a": "1"}), ("kvm", {"b": "2"})], "hypervisor parameters")
    with pytest.raises(errors.UserError, match="write kvm:key=value"):
        values.by_ident([("kvm", False)], "hypervisor parameters")
