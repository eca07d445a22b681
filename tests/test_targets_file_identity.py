"""Which file a target reads, and what a checkpoint says of it."""

import pytest

from vidmask.targets.file_identity import FileIdentity


def test_what_was_read_goes_into_a_checkpoint_and_else_what_one_said() -> None:
    identity = FileIdentity("teacher_sha256", "teacher")
    assert identity.state() == {"teacher_sha256": None}
    identity.restore({"teacher_sha256": "aa"})
    assert identity.state() == {"teacher_sha256": "aa"}
    identity.note("aa")
    assert identity.state() == {"teacher_sha256": "aa"}


@pytest.mark.parametrize("read_first", [True, False])
def test_another_file_is_refused_in_either_order(read_first: bool) -> None:
    identity = FileIdentity("teacher_sha256", "teacher")
    steps = [lambda: identity.note("bb"), lambda: identity.restore({"teacher_sha256": "aa"})]
    first, second = steps if read_first else reversed(steps)
    first()
    with pytest.raises(
        ValueError, match="another teacher: the SHA-256 of its file is aa, that of this one bb;"
    ):
        second()


def test_what_reads_no_file_is_another_than_what_reads_one() -> None:
    identity = FileIdentity("flow_sha256", "flow estimator")
    identity.note(None)
    identity.restore({"flow_sha256": None})
    with pytest.raises(ValueError, match="another flow estimator"):
        identity.restore({"flow_sha256": "aa"})
