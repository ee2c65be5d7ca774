import numpy as np
import pytest

from pyiron_nbed import Cylinder, Mesh, examples, figures
from pyiron_nbed.dataset import PatternDataset, build_dataset, find_scan
from pyiron_nbed.diffraction.radial import radial_profile
from pyiron_nbed.errors import InputError
from pyiron_nbed.ssro.colors import atom_colors
from pyiron_nbed.ssro.summary import short_range_order


def drawn(figure, path):
    figure.savefig(path)
    assert path.stat().st_size > 5000
    return [axis.get_xlabel() for axis in figure.axes] + [axis.get_ylabel() for axis in figure.axes]


def test_figures_have_units_on_their_axes(in_folder):
    random = np.random.default_rng(0)
    mesh = Mesh(1.0, 0.05)
    patterns = random.exponential(10, (5, *mesh.shape))
    drawn(figures.pattern_gallery(patterns, np.linspace(0, 1, 5), mesh), in_folder / "a.png")
    true = random.random(500)
    labels = drawn(figures.parity(true, true + 0.01 * random.normal(size=500)), in_folder / "b.png")
    assert any("true" in label for label in labels)
    position = np.arange(20.0)
    labels = drawn(figures.prediction_profile(position, true[:20], true[:20]), in_folder / "c.png")
    assert any("Å" in label for label in labels)
    maps = [random.random((6, 8)), random.random((6, 8))]
    labels = drawn(figures.disorder_maps(maps, ["a", "b"], (0, 20, 0, 15)), in_folder / "d.png")
    assert "x (Å)" in labels
    with pytest.raises(InputError):
        figures.disorder_maps(maps, ["a"], (0, 1, 0, 1))


def test_parity_of_equal_values(in_folder):
    drawn(figures.parity(np.full(5, 0.5), np.full(5, 0.5)), in_folder / "e.png")


def test_figures_of_complexions(in_folder):
    profile = {
        "position": np.arange(40.0),
        "minority_fraction": np.full(40, 0.1),
        "disorder": np.full(40, 0.5),
    }
    labels = drawn(figures.composition_profile(profile), in_folder / "f.png")
    assert {"x (Å)", "Zr (at.%)"} <= set(labels)
    names = ("step", "chemical_potential", "zr_fraction", "acceptance")
    history = {name: np.linspace(1, 2, 9) for name in names}
    labels = drawn(figures.control_history(history, 0.1), in_folder / "g.png")
    assert {"MD step", "Δμ (eV)", "accepted (%)", "composition (at.%)"} <= set(labels)


@pytest.fixture(scope="module")
def complexion():
    return short_range_order(examples.load("complexion_a"))


def test_profiles_of_the_short_range_order(complexion, in_folder):
    atoms, summary = complexion
    table = summary["regions"]["table"]
    figure = figures.disorder_profiles(summary["profiles"], table)
    labels = drawn(figure, in_folder / "profiles.png")
    assert {"$d_i$", "$1-Q_6$", "Zr (at.%)"} <= set(labels)
    assert figure.get_supxlabel() == "x (Å)"
    upper, _, lower = figure.axes
    assert upper.lines[0].get_ydata() == pytest.approx(summary["profiles"]["disorder_parameter"]["mean"])
    zr = np.nansum(lower.lines[0].get_ydata() * summary["profiles"]["fraction_Zr"]["n_atoms"]) / 200
    assert zr == pytest.approx((atoms.numbers == 40).sum(), rel=2e-3)  # each atom lies in two windows
    # every region is shaded where it is; grain 1 crosses the cell and is drawn twice
    shaded = sorted((patch.get_x(), patch.get_x() + patch.get_width()) for patch in upper.patches)
    assert len(shaded) == len(table) + 1
    side = atoms.cell.lengths()[0]
    expected = sorted((r["start"], min(r["end"], side)) for r in table)
    assert np.array(shaded[1:]) == pytest.approx(np.array(expected))
    assert sum(b - a for a, b in shaded) == pytest.approx(side)
    assert upper.get_xlim() == pytest.approx((0, side))


def test_densities_of_motifs(complexion, in_folder):
    atoms, summary = complexion
    profile = summary["motif_profile"]
    figure = figures.motif_densities(profile, summary["regions"]["table"])
    drawn(figure, in_folder / "motifs.png")
    assert len(figure.axes) == 8
    assert figure.get_supylabel() == "motifs per volume (nm$^{-3}$)"
    first = figure.axes[0]
    assert first.texts[0].get_text() == "<0,12,0,0>  FCC"
    density = first.lines[0].get_ydata() / 1000
    assert density.mean() * atoms.cell.volume == pytest.approx(summary["motifs"]["count"][0], rel=0.01)


def test_boxes_show_medians_and_thresholds(complexion, in_folder):
    atoms, summary = complexion
    figure = figures.disorder_boxplots(atoms)
    drawn(figure, in_folder / "boxes.png")
    classes, regions = figure.axes
    medians = [line.get_ydata()[0] for line in classes.lines if line.get_color() == "black" and
               len(set(line.get_ydata())) == 1]  # fmt: skip
    for values in summary["motif_classes"].values():
        assert min(abs(np.array(medians) - values["median"])) < 1e-9
    level = [line.get_ydata()[0] for line in classes.lines if line.get_linestyle() == "--"]
    assert level == pytest.approx([summary["threshold"]["threshold"]])
    assert f"{summary['threshold']['threshold']:.3f}" in classes.get_title()
    assert [label.get_text().split()[0] for label in regions.get_xticklabels()] == [
        "crystal",
        "ACTR",
        "interior",
    ]
    bare = atoms.copy()
    del bare.arrays["region"]
    assert len(figures.disorder_boxplots(bare, "Zr").axes) == 1
    del bare.arrays["motif_class"]
    with pytest.raises(InputError, match="no array 'motif_class'"):
        figures.disorder_boxplots(bare)


def test_rdf_by_region(complexion, in_folder):
    _, summary = complexion
    figure = figures.rdf_by_region(summary["rdf"])
    labels = drawn(figure, in_folder / "rdf.png")
    assert labels.count("r (Å)") == 3
    assert [axis.get_title() for axis in figure.axes] == ["crystal", "ACTR", "interior"]
    names = [text.get_text() for text in figure.axes[2].get_legend().get_texts()]
    assert names == ["Cu–Cu", "Cu–Zr", "Zr–Zr", "total"]
    total = figure.axes[2].lines[-1]
    assert total.get_ydata() == pytest.approx(summary["rdf"]["interior"]["total"])
    with pytest.raises(InputError, match="no radial distribution"):
        figures.rdf_by_region({"r": np.arange(3)})


@pytest.mark.parametrize("color_by", ["disorder_parameter", "cna", "species"])
def test_slice(complexion, in_folder, color_by):
    atoms, _ = complexion
    figure = figures.structure_slice(atoms, color_by, thickness=6.0, center=10.0)
    labels = drawn(figure, in_folder / "slice.png")
    assert {"x (Å)", "y (Å)"} <= set(labels)
    inside = np.abs(atoms.positions[:, 2] - 10.0) <= 3.0
    circles = figure.axes[0].collections[0]
    offsets = np.asarray(circles.get_offsets())
    assert len(offsets) == inside.sum()
    colors = atom_colors(atoms, color_by)
    for place, color in list(zip(offsets, circles.get_facecolors(), strict=True))[::97]:
        near = np.abs(atoms.positions[:, :2] - place).max(axis=1) < 1e-9
        assert color[:3] == pytest.approx(colors[inside & near][0])


def test_bad_slices(complexion):
    atoms, _ = complexion
    for arguments, message in (
        ({"normal": 3}, "normal is 3"),
        ({"thickness": 0}, "thickness is 0"),
        ({"center": 99.0}, "No atom lies within"),
        ({"color_by": "mood"}, "color_by is 'mood'"),
    ):
        with pytest.raises(InputError, match=message):
            figures.structure_slice(atoms, **arguments)


@pytest.fixture(scope="module")
def scan(complexion, tmp_path_factory):
    path = tmp_path_factory.mktemp("scan") / "plane.h5"
    atoms, _ = complexion
    step = (5, 15, atoms.cell.lengths()[2])
    build_dataset(
        path, [atoms], [Cylinder(5, 20)], mesh=Mesh(1.0, 0.05), step=step, labels=["disorder_parameter"]
    )
    return PatternDataset(path)


def test_groups(scan):
    groups = figures.region_groups(scan.region, scan.region_types)
    assert set(groups) == {"crystal", "ACTR", "interior"}
    assert sum(len(rows) for rows in groups.values()) == len(scan)
    classes = figures.label_groups(scan.label(), 4)
    assert sorted(np.concatenate(list(classes.values()))) == list(range(len(scan)))
    tops = [scan.label()[rows].max() for rows in classes.values()]
    assert tops == sorted(tops)
    with pytest.raises(InputError, match="give fewer classes"):
        figures.label_groups(scan.label()[:2], 3)


def test_mean_patterns(scan, in_folder):
    groups = figures.region_groups(scan.region, scan.region_types)
    figure = figures.mean_patterns(scan.patterns, scan.mesh, groups)
    labels = drawn(figure, in_folder / "mean.png")
    assert {"mean", "standard deviation", "I (Å$^2$)"} <= set(labels)
    disc = scan.mesh.disc
    for column, (name, rows) in enumerate(groups.items()):
        mean, deviation = figure.axes[column], figure.axes[column + len(groups)]
        assert mean.get_title() == f"{name}\n{len(rows):,} patterns"
        values = scan.patterns[rows].astype(float)
        for axis, expected in ((mean, values.mean(axis=0)), (deviation, values.std(axis=0))):
            image = axis.images[0]
            assert np.isnan(image.get_array().filled(np.nan)[~disc]).all()
            assert np.asarray(image.get_array())[disc] == pytest.approx(
                np.maximum(expected[disc], image.norm.vmin)
            )
    with pytest.raises(InputError, match="no patterns in a group"):
        figures.mean_patterns(scan.patterns, scan.mesh, {"none": np.array([], int)})


def test_radial_profiles(scan, in_folder):
    groups = figures.region_groups(scan.region, scan.region_types)
    figure = figures.radial_profiles(scan.patterns, scan.mesh, groups)
    labels = drawn(figure, in_folder / "radial.png")
    assert {"I(k) (Å$^2$)", "k (Å$^{-1}$)", "d (Å)"} <= set(labels)
    upper, lower, top = figure.axes
    for line, (name, rows) in zip(upper.lines, groups.items(), strict=True):
        profile = radial_profile(scan.patterns[rows], scan.mesh)
        assert line.get_label() == f"{name} ({len(rows):,})"
        assert line.get_ydata() == pytest.approx(np.median(profile.mean, axis=0)[1:])
    crystal, interior = (lower.lines[list(groups).index(name)] for name in ("crystal", "interior"))
    # speckle of a disordered volume has variance 1, reflections stand out of it
    far = crystal.get_xdata() > 0.4
    assert np.median(interior.get_ydata()[far]) == pytest.approx(1, abs=0.25)
    assert crystal.get_ydata()[far].max() > 4
    for place, text in zip(top.get_xticks(), top.get_xticklabels(), strict=True):
        assert place * float(text.get_text()) == pytest.approx(1)


def test_patterns_along_scan(complexion, scan, in_folder):
    atoms, summary = complexion
    line = find_scan(scan).rows[0, 1]
    shuffled = np.random.default_rng(0).permutation(line)
    figure = figures.patterns_along_scan(
        atoms, scan.patterns[shuffled], scan.centers[shuffled], scan.label()[shuffled], scan.mesh, radius=5,
        regions=summary["regions"]["table"], shown=5,
    )  # fmt: skip
    labels = drawn(figure, in_folder / "scan.png")
    assert {"x (Å)", "y (Å)", "mean $d_i$", "$d_i$"} <= set(labels)
    curve, structure = figure.axes[:2]
    assert curve.get_xlim() == structure.get_xlim()
    assert curve.get_position().x0 == pytest.approx(structure.get_position().x0)
    assert curve.lines[0].get_xdata() == pytest.approx(scan.centers[line, 0])
    assert curve.lines[0].get_ydata() == pytest.approx(scan.label()[line])
    circles = [patch for patch in structure.patches if patch.get_radius() == 5]
    x, values = curve.lines[1].get_data()
    assert len(circles) == len(x) == 5
    assert [circle.center[0] for circle in circles] == pytest.approx(x)
    patterns = [axis for axis in figure.axes if axis.images and axis.get_title()]
    assert [axis.get_title() for axis in patterns] == [f"{value:.2f}" for value in values]
    row = line[np.argmin(np.abs(scan.centers[line, 0] - x[2]))]
    shown = np.asarray(patterns[2].images[0].get_array())[scan.mesh.disc]
    assert shown == pytest.approx(scan.images([row])[0][scan.mesh.disc])
    # across the film: the structure is turned and cut around the line
    column = find_scan(scan).rows[0, :, 3]
    figure = figures.patterns_along_scan(
        atoms, scan.patterns[column], scan.centers[column], scan.label()[column], scan.mesh
    )
    assert "y (Å)" in drawn(figure, in_folder / "column.png")
    low, high = figure.axes[1].get_ylim()
    assert low < scan.centers[column[0], 0] < high
    plane = find_scan(scan).rows[0].ravel()
    with pytest.raises(InputError, match="no line along a Cartesian axis"):
        figures.patterns_along_scan(
            atoms, scan.patterns[plane], scan.centers[plane], scan.label()[plane], scan.mesh
        )
    with pytest.raises(InputError, match="as many of each"):
        figures.patterns_along_scan(atoms, scan.patterns[line], scan.centers[:3], [1, 2, 3], scan.mesh)
