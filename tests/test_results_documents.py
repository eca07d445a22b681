import pytest

from vidmask.results.documents import damaged, read_json, read_yaml


def test_mappings_are_read(tmp_path):
    path = tmp_path / "file"
    path.write_text('{"a": [1, null]}')
    assert read_json(path) == read_yaml(path) == {"a": [1, None]}


@pytest.mark.parametrize("read", [read_json, read_yaml])
@pytest.mark.parametrize("content", [b"", b"[1]", b'{"a": [', b"\xff"])
def test_what_is_damaged_is_refused_in_one_line_with_its_path(tmp_path, read, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"file is damaged: .*; run again what wrote it, or remove"
    ) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_lacking_is_named(tmp_path):
    assert "it lacks 'seed'" in str(damaged(tmp_path / "a", KeyError("seed")))
