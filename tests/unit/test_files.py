"""Files that are whole or absent."""

import os

import pytest

from pyiron_nbed.files import partial_path, replaced


def half_of(path, error=None, **options):
    with replaced(path, **options) as partial:
        partial.write_text("half")
        if error is not None:
            raise error


def test_a_file_takes_the_place_of_the_old_one(in_folder):
    (in_folder / "a").write_text("old")
    partial_path("a").write_text("of a process that was killed")
    with replaced("a") as partial:
        assert not partial.exists()
        partial.write_text("new")
        assert (in_folder / "a").read_text() == "old"
    assert (in_folder / "a").read_text() == "new"
    assert os.listdir() == ["a"]


def test_an_error_leaves_the_old_one_and_nothing_else(in_folder):
    (in_folder / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        half_of("a", KeyboardInterrupt())
    assert (in_folder / "a").read_text() == "old"
    assert os.listdir() == ["a"]


def test_what_is_worth_keeping_is_found_again(in_folder):
    for error, kept in ((OSError("full"), True), (ValueError("wrong"), False)):
        with pytest.raises(type(error)):
            half_of("a", error, keep=lambda e: isinstance(e, OSError))
        assert partial_path("a").exists() is kept
        if kept:
            with replaced("a", keep=lambda _: True) as partial:
                assert partial.read_text() == "half"


def test_a_folder_is_replaced_by_a_folder(in_folder):
    for text in ("one", "two"):
        with replaced("a.zspy") as partial:
            partial.mkdir()
            (partial / text).touch()
    assert os.listdir("a.zspy") == ["two"]
    with pytest.raises(OSError, match=r"a\.zspy"):
        half_of("a.zspy")  # never a file in place of a folder
    assert os.listdir("a.zspy") == ["two"]
    assert os.listdir() == ["a.zspy"]
