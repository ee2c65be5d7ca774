"""Everything about one structure in one call, and its export."""

import h5py
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read

from pyiron_nbed import examples
from pyiron_nbed.errors import DatasetError, InputError, StructureError
from pyiron_nbed.ssro import (
    bond_order,
    common_neighbors,
    disorder_modulus,
    disorder_of,
    disorder_parameter,
    find_regions,
    motif_class,
    population_threshold,
    voronoi_index,
)
from pyiron_nbed.ssro.colors import CNA_COLORS, DISORDER_RANGE, atom_colors
from pyiron_nbed.ssro.export import to_ovito, write_dump, write_extxyz
from pyiron_nbed.ssro.rdf import radial_distribution
from pyiron_nbed.ssro.summary import short_range_order, time_series
from pyiron_nbed.structures.dump import read_frames
from pyiron_nbed.structures.file import read_atoms, write_atoms


@pytest.fixture(scope="module")
def complexion():
    atoms = examples.load("complexion_a")
    return atoms, *short_range_order(atoms, bond_orders=(4,))


def test_arrays_are_those_of_the_single_functions(complexion):
    atoms, result, summary = complexion
    assert not set(atoms.arrays) - {"numbers", "positions"}  # the structure given is left as it was
    arrays = result.arrays
    assert arrays["disorder_parameter"] == pytest.approx(disorder_parameter(atoms))
    assert arrays["q4"] == pytest.approx(bond_order(atoms, 4))
    assert np.array_equal(arrays["voronoi_index"], voronoi_index(atoms))
    assert np.array_equal(arrays["cna"], common_neighbors(atoms))
    regions = find_regions(atoms, arrays["voronoi_index"], arrays["cna"])
    assert np.array_equal(arrays["region"], regions.region)
    assert np.array_equal(arrays["region_number"], regions.number)
    copper, classes = atoms.numbers == 29, motif_class(arrays["voronoi_index"])
    low, high = (arrays["disorder_parameter"][copper & (classes == k)] for k in (1, 2))
    expected = population_threshold(low, high)
    assert summary["threshold"] == {"note": "", **expected}
    assert summary["motif_classes"]["ordered"]["median"] == pytest.approx(np.median(low))


def test_summary_of_the_example(complexion):
    atoms, result, summary = complexion
    regions = summary["regions"]
    assert regions["films"] == 2
    types = regions["types"]
    assert sum(row["n_atoms"] for row in regions["table"]) == len(atoms)
    assert types["crystal"]["median"] < 0.01 < types["ACTR"]["median"] < 0.5 < types["interior"]["median"]
    inside = result.arrays["region"] == 3
    assert types["interior"]["median"] == np.median(result.arrays["disorder_parameter"][inside])
    assert len(regions["asymmetry"]) == 2
    fcc = result.arrays["cna"] == 1
    assert summary["fcc_below"] == (result.arrays["disorder_parameter"][fcc] < 0.01).mean()
    assert summary["composition"]["Zr"] == pytest.approx(0.1003, abs=1e-4)
    assert sum(summary["cna"].values()) == len(atoms)
    expected = radial_distribution(atoms, mask=inside, normalize="local")
    assert summary["rdf"]["interior"]["total"] == pytest.approx(expected.total)
    assert set(summary["rdf"]) == {"cutoff", "bin_width", "r", "crystal", "ACTR", "interior"}
    profile = summary["profiles"]["disorder_parameter"]
    middle = np.argmin(np.abs(profile["position"] - 36))
    assert profile["mean"][middle] > 0.75
    assert summary["profiles"]["fraction_Zr"]["mean"][middle] == pytest.approx(0.17, abs=0.06)


def test_the_modulus_is_called_so_everywhere(complexion):
    _, signed, summary = complexion
    # what the structure held before belongs to another choice
    result, by_modulus = short_range_order(
        signed, modulus=True, analyses=["voronoi", "cna", "regions", "profiles"]
    )
    disorder = result.arrays["disorder_modulus"]
    assert "disorder_parameter" not in result.arrays
    assert disorder == pytest.approx(disorder_modulus(signed.arrays["disorder_parameter"]))
    assert disorder_of(result.arrays)[0] == disorder_of(by_modulus)[0] == "disorder_modulus"
    assert disorder_of(by_modulus["profiles"])[0] == "disorder_modulus"
    for part in (by_modulus, by_modulus["profiles"]):
        assert "disorder_parameter" not in part
    assert by_modulus["disorder_modulus"]["mean"] == pytest.approx(disorder.mean())
    assert summary["disorder_parameter"]["mean"] > disorder.mean() + 0.01
    # the same regions hold other values
    types, others = by_modulus["regions"]["types"], summary["regions"]["types"]
    inside = result.arrays["region"] == 3
    assert types["interior"]["mean"] == pytest.approx(disorder[inside].mean())
    assert others["interior"]["mean"] - types["interior"]["mean"] == pytest.approx(0.027, abs=0.003)
    assert types["crystal"]["median"] == pytest.approx(others["crystal"]["median"])
    assert others["interior"]["percentile_95"] > 1 > types["interior"]["percentile_95"]
    # icosahedral atoms are above 1: this is where the two differ most
    classes, other_classes = by_modulus["motif_classes"], summary["motif_classes"]
    assert classes["disordered"]["median"] == pytest.approx(0.914, abs=0.002)
    assert other_classes["disordered"]["median"] == pytest.approx(1.040, abs=0.002)
    assert classes["ordered"]["median"] == pytest.approx(other_classes["ordered"]["median"], abs=0.002)
    assert by_modulus["threshold"] != summary["threshold"]
    assert by_modulus["fcc_below"] == summary["fcc_below"]
    series = time_series([{**by_modulus, "step": 0}])
    assert series["mean_disorder"][0] == by_modulus["disorder_modulus"]["mean"]


def test_which_disorder():
    assert disorder_of({"disorder_modulus": 1}) == ("disorder_modulus", 1)
    assert disorder_of({"disorder_modulus": 1, "disorder_parameter": 2}) == ("disorder_parameter", 2)
    with pytest.raises(InputError, match="There is no d_i"):
        disorder_of(Atoms("Cu").arrays)
    for wrong in ("no", 2, None):
        with pytest.raises(InputError, match="modulus is"):
            short_range_order(bulk("Cu", cubic=True) * (3, 3, 3), analyses=[], modulus=wrong)


def test_structures_without_films_say_so():
    crystal = bulk("Cu", cubic=True) * (6, 4, 4)
    _, summary = short_range_order(crystal)
    assert summary["regions"]["note"].startswith("No film was found")
    assert summary["threshold"]["note"] == "No threshold: the structure has no ordered motifs."
    assert summary["fcc_below"] == 1.0
    assert summary["rdf"]["all"]["first_peak"] == pytest.approx(3.61 / 2**0.5, abs=0.05)
    atoms, summary = short_range_order(
        examples.load("composite_3a_aligned"), analyses=["voronoi", "cna", "regions"]
    )
    assert "touch no crystal" in summary["regions"]["note"]
    assert not atoms.arrays["region"].any()
    series = time_series([{**summary, "step": 5}])
    assert series["step"].tolist() == [5]
    assert np.isnan(series["median_disorder_interior"][0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"analyses": ["voronoy"]}, "'voronoy' is unknown"),
        ({"analyses": ["regions", "cna"]}, "'regions' needs voronoi"),
        ({"region_options": {"emergance": 0.1}}, "no option 'emergance'"),
        ({"motif_species": "Al"}, "'Al', of which the structure has no atoms"),
    ],
)
def test_bad_options(arguments, message):
    with pytest.raises(InputError, match=message):
        short_range_order(bulk("Cu", cubic=True) * (3, 3, 3), **arguments)


def test_bad_structures():
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    atoms.positions[5] = atoms.positions[4] + 0.1
    with pytest.raises(StructureError, match="Atoms 4 and 5"):
        short_range_order(atoms)


def coloured(tmp_path, result, color_by):
    path = tmp_path / f"{color_by}.dump"
    write_dump(path, result, color_by)
    return path


@pytest.mark.parametrize("color_by", ["disorder_parameter", "cna", "species"])
def test_ovito_opens_the_dump_coloured(complexion, tmp_path, color_by):
    from ovito.io import import_file

    _, result, _ = complexion
    particles = import_file(str(coloured(tmp_path, result, color_by))).compute().particles
    assert particles["Color"] == pytest.approx(atom_colors(result, color_by), abs=1e-4)
    assert particles["disorder_parameter"] == pytest.approx(result.arrays["disorder_parameter"], rel=1e-8)
    assert np.array_equal(particles["n5"], result.arrays["voronoi_index"][:, 2])
    assert [kind.name for kind in particles.particle_types.types] == ["Cu", "Zr"]


def test_dump_comes_back(complexion, tmp_path):
    _, result, _ = complexion
    atoms = next(read_frames(coloured(tmp_path, result, "cna"), ["Cu", "Zr"]))
    assert np.array_equal(atoms.numbers, result.numbers)
    assert atoms.positions == pytest.approx(result.positions, abs=1e-7)


def test_triclinic_dump_keeps_distances(tmp_path):
    from ovito.io import import_file

    atoms = bulk("Cu") * (5, 5, 5)
    atoms.rattle(0.1, seed=1)
    path = tmp_path / "t.dump"
    write_dump(path, atoms, "species")
    data = import_file(str(path)).compute()
    assert abs(np.linalg.det(data.cell[:, :3])) == pytest.approx(atoms.cell.volume)
    back = Atoms(atoms.numbers, np.array(data.particles.positions), cell=data.cell[:, :3].T, pbc=True)
    expected = atoms.get_distances(0, range(1, 125), mic=True)
    assert back.get_distances(0, range(1, 125), mic=True) == pytest.approx(expected, abs=1e-6)


def test_pipeline_of_ovito(complexion):
    _, result, _ = complexion
    data = to_ovito(result, "cna").compute()
    assert np.asarray(data.particles["Color"]) == pytest.approx(CNA_COLORS[result.arrays["cna"]])
    assert data.particles["voronoi_index"].shape == (len(result), 4)
    data = to_ovito(result).compute()
    colors = np.asarray(data.particles["Color"])
    calm, wild = (int(f(result.arrays["disorder_parameter"])) for f in (np.argmin, np.argmax))
    assert colors[calm][2] > colors[calm][1]  # dark blue
    assert colors[wild][1] > 0.8  # yellow


def test_extended_xyz_and_hdf5_keep_everything(complexion, tmp_path):
    _, result, _ = complexion
    write_extxyz(tmp_path / "a.xyz", result)
    write_atoms(tmp_path / "a.h5", result)
    for atoms, accuracy in ((read(tmp_path / "a.xyz"), 1e-7), (read_atoms(tmp_path / "a.h5"), 0)):
        for name in ("disorder_parameter", "q6", "voronoi_index", "cna", "region", "motif_class"):
            assert atoms.arrays[name] == pytest.approx(result.arrays[name], abs=accuracy)
        assert atoms.cell.array == pytest.approx(result.cell.array)


def test_old_structure_files_hold_the_modulus(tmp_path):
    atoms = bulk("Cu", cubic=True)
    atoms.set_array("disorder_parameter", np.array([0.1, 0.5, 0.9, 1.2]))
    write_atoms(tmp_path / "a.h5", atoms)
    assert read_atoms(tmp_path / "a.h5").arrays["disorder_parameter"].max() == 1.2
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        assert file.attrs["version"] == 2
        del file.attrs["version"]
    old = read_atoms(tmp_path / "a.h5")
    assert "disorder_parameter" not in old.arrays
    assert old.arrays["disorder_modulus"].tolist() == [0.1, 0.5, 0.9, 1.2]
    write_atoms(tmp_path / "b.h5", old)
    assert "disorder_modulus" in read_atoms(tmp_path / "b.h5").arrays
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file.attrs["version"] = 3
    with pytest.raises(DatasetError, match="version 3"):
        read_atoms(tmp_path / "a.h5")


def test_colours_reach_beyond_one():
    atoms = Atoms("Cu5", positions=np.arange(15).reshape(5, 3), cell=[20, 20, 20])
    values = np.array([0.0, 0.9, 1.0, 1.15, 1.3])
    atoms.set_array("disorder_parameter", values)
    signed = atom_colors(atoms)
    assert len(np.unique(signed, axis=0)) == 5
    assert np.array_equal(signed, atom_colors(atoms, "disorder_parameter"))
    atoms.set_array("disorder_modulus", values)
    del atoms.arrays["disorder_parameter"]
    assert np.array_equal(atom_colors(atoms), signed)  # one scale for both
    with pytest.raises(InputError, match="no array 'disorder_parameter'"):
        atom_colors(atoms, "disorder_parameter")
    coding = to_ovito(atoms).modifiers[0]
    assert coding.property == "disorder_modulus"
    assert (coding.start_value, coding.end_value) == DISORDER_RANGE
    del atoms.arrays["disorder_modulus"]
    for show in (atom_colors, to_ovito):
        with pytest.raises(InputError, match="There is no d_i"):
            show(atoms)


def test_colours_that_cannot_be():
    with pytest.raises(InputError, match="color_by is 'charge'"):
        atom_colors(Atoms("Cu"), "charge")
    with pytest.raises(InputError, match="no array 'cna'"):
        atom_colors(Atoms("Cu"), "cna")
