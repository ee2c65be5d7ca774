import hashlib
import http.server
import os
import threading
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from pyiron_nbed import potentials
from pyiron_nbed.errors import PotentialError
from pyiron_nbed.potentials import DEFAULT_POTENTIAL, catalogue, find_potential, list_potentials

NEW = "2019--Mendelev-M-I--Cu-Zr--LAMMPS--ipr1"


@pytest.fixture(autouse=True)
def no_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("NBED_POTENTIALS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine in place of the repository; serves what is put into its folder."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        table = catalogue()
        table["URL"] = f"http://127.0.0.1:{running.server_port}/" + table["Name"]
        monkeypatch.setattr(potentials, "catalogue", lambda: table)
        yield folder, table
        running.shutdown()


def offline(monkeypatch):
    table = catalogue()
    table["URL"] = "http://127.0.0.1:9/" + table["Name"]  # nobody listens there
    monkeypatch.setattr(potentials, "catalogue", lambda: table)


def test_catalogue_names_four_potentials_with_address_and_checksum():
    table = catalogue()
    assert len(table) == 4 == len(list_potentials())
    assert table["URL"].str.startswith("https://www.ctcms.nist.gov/potentials/Download/").all()
    assert (table["SHA256"].str.len() == 64).all()
    for _, row in table.iterrows():
        assert row["Species"] == ["Cu", "Zr"]
        assert row["Config"][0] == "pair_style eam/fs\n"
        assert Path(row["Filename"][0]).name in row["Config"][1]


def test_catalogue_is_read_by_pyiron(in_folder, monkeypatch):
    """It is a resource in pyiron's own form: lammps/potentials/potentials_lammps.csv."""
    from pyiron_atomistics.lammps.potential import LammpsPotentialFile

    from pyiron_nbed.resources import resource_folder

    target = in_folder / "resources" / "lammps" / "potentials"
    target.mkdir(parents=True)
    source = resource_folder("potentials") / "potentials_lammps.csv"
    (target / source.name).write_text(source.read_text())
    from pyiron_base import state

    monkeypatch.setitem(state.settings.configuration, "resource_paths", [str(in_folder / "resources")])
    found = LammpsPotentialFile().list()
    assert found["Name"].tolist() == list_potentials()
    assert found["Species"].iloc[0] == ["Cu", "Zr"]
    assert found["Config"].iloc[0][0] == "pair_style eam/fs\n"


def test_default_is_in_the_lammps_package():
    potential = find_potential()
    assert potential.name == DEFAULT_POTENTIAL
    assert Path(potential.files[0]).is_file()
    assert potential.files[0] in potential.config[1]


def test_absent_potential_names_file_address_and_place(monkeypatch):
    offline(monkeypatch)
    with pytest.raises(PotentialError, match=r"Cu-Zr_4.eam.fs.*http://.*NBED_POTENTIALS.*resource path"):
        find_potential(NEW)


def test_downloaded_once_and_verified(server, tmp_path):
    folder, table = server
    content = b"a potential of four words"
    (folder / NEW).write_bytes(content)
    table.loc[table["Name"] == NEW, "SHA256"] = hashlib.sha256(content).hexdigest()
    potential = find_potential(NEW)
    assert Path(potential.files[0]).read_bytes() == content
    assert str(tmp_path / "cache") in potential.files[0]
    (folder / NEW).unlink()  # the second time it is at hand
    assert find_potential(NEW) == potential


def test_download_of_something_else_is_refused(server, tmp_path):
    folder, _ = server
    (folder / NEW).write_text("an error page")
    with pytest.raises(PotentialError, match=r"could not be downloaded.*hash"):
        find_potential(NEW)
    assert not list((tmp_path / "cache").rglob("*.eam.fs"))


def test_found_in_a_folder_and_in_resource_paths_and_verified(in_folder, monkeypatch):
    folder = os.environ.get("NBED_TEST_POTENTIALS", "../shared/potentials")
    source = Path(__file__).parents[2] / folder / "Cu-Zr_4.eam.fs"
    if not source.is_file():
        pytest.skip("the 2019 potential is not at hand (set NBED_TEST_POTENTIALS to its folder)")
    monkeypatch.setenv("NBED_POTENTIALS", str(source.parent))
    assert find_potential(NEW).files == (str(source.parent / source.name),)
    monkeypatch.delenv("NBED_POTENTIALS")
    deep = in_folder / "lammps" / "potentials" / "potential_LAMMPS" / NEW
    deep.mkdir(parents=True)
    (deep / source.name).write_bytes(source.read_bytes())
    assert find_potential(NEW, [str(in_folder)]).files == (str(deep / source.name),)


def test_a_changed_file_is_refused(in_folder, monkeypatch):
    (in_folder / "Cu-Zr_4.eam.fs").write_text("not the potential")
    monkeypatch.setenv("NBED_POTENTIALS", str(in_folder))
    with pytest.raises(PotentialError, match="is not the published potential"):
        find_potential(NEW)


def test_the_variable_must_name_a_folder(monkeypatch):
    monkeypatch.setenv("NBED_POTENTIALS", "/no/such/folder")
    with pytest.raises(PotentialError, match="not a folder"):
        find_potential(NEW)


def test_own_potential_as_data_frame(in_folder):
    path = in_folder / "my own.eam.fs"
    path.write_text("mine")
    frame = pd.DataFrame(
        {
            "Name": ["mine"],
            "Filename": [[str(path)]],
            "Model": ["EAM"],
            "Species": [["Cu", "Zr"]],
            "Config": [["pair_style eam/fs\n", "pair_coeff * * my.eam.fs Cu Zr\n"]],
        }
    )
    potential = find_potential(frame)
    assert potential.sha256 == (hashlib.sha256(b"mine").hexdigest(),)
    with pytest.raises(PotentialError, match="lacks"):
        find_potential(frame.drop(columns="Config"))
    frame["Filename"] = [["/nowhere/at.all"]]
    with pytest.raises(PotentialError, match="does not exist"):
        find_potential(frame)


def test_unknown_name_and_unknown_element():
    with pytest.raises(PotentialError, match="choose one of 2007"):
        find_potential("EAM-of-my-dreams")
    with pytest.raises(PotentialError, match="contains Al, but"):
        find_potential().check_elements(["Cu", "Al"])
