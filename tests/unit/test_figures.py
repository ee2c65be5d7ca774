import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from pyiron_nbed import Cylinder, Mesh, examples, figures
from pyiron_nbed.dataset import PatternDataset, build_dataset, find_scan
from pyiron_nbed.diffraction.radial import radial_profile
from pyiron_nbed.errors import InputError
from pyiron_nbed.patterns.recipe import Recipe
from pyiron_nbed.ssro import disorder_modulus
from pyiron_nbed.ssro.colors import atom_colors
from pyiron_nbed.ssro.summary import short_range_order


def drawn(figure, path):
    """Draw a figure: nothing written is cut off at its edges. Returns the labels of its axes."""
    canvas = FigureCanvasAgg(figure)
    figure.savefig(path)
    canvas.draw()
    renderer = canvas.get_renderer()
    written = [axis.title for axis in figure.axes]
    written += [part.label for axis in figure.axes for part in (axis.xaxis, axis.yaxis)]
    written += [text for legend in figure.legends for text in legend.get_texts()]
    for text in written:
        if text.get_text() and text.get_visible():
            box, frame = text.get_window_extent(renderer), figure.bbox
            inside = (box.x0, frame.x1 - box.x1, box.y0, frame.y1 - box.y1)
            assert min(inside) > -1, f"{text.get_text()!r} is cut off"
    return [axis.get_xlabel() for axis in figure.axes] + [axis.get_ylabel() for axis in figure.axes]


def test_gallery_shows_the_images_of_the_network_each_with_its_label(in_folder):
    mesh = Mesh(1.0, 0.05)
    patterns = np.random.default_rng(0).exponential(10, (5, *mesh.shape))
    figure = figures.pattern_gallery(patterns, np.linspace(0, 1, 5), mesh)
    drawn(figure, in_folder / "a.png")
    images = Recipe.simulation(mesh).images(patterns)
    axes = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in axes] == [f"mean $d_i$ = {d:.3f}" for d in (0, 0.25, 0.5, 0.75, 1)]
    for axis, image in zip(axes, images, strict=True):
        shown = np.ma.filled(axis.images[0].get_array(), np.nan)
        assert shown[mesh.disc] == pytest.approx(image[mesh.disc])
        assert np.isnan(shown[~mesh.disc]).all()
        assert axis.images[0].get_extent() == pytest.approx([-0.975, 0.975, -0.975, 0.975])
        assert axis.images[0].origin == "lower"


def test_parity_draws_every_pattern(in_folder):
    random = np.random.default_rng(0)
    true = random.random(500)
    predicted = true + 0.01 * random.normal(size=500)
    figure = figures.parity(true, predicted)
    assert drawn(figure, in_folder / "b.png")[:2] == ["mean $d_i$, true", "mean $d_i$, predicted"]
    axis = figure.axes[0]
    points, diagonal = axis.lines
    assert (points.get_xdata() == true).all()
    assert (points.get_ydata() == predicted).all()
    assert (diagonal.get_xdata() == diagonal.get_ydata()).all()
    for low, high in (axis.get_xlim(), axis.get_ylim()):
        assert low < min(true.min(), predicted.min()) < max(true.max(), predicted.max()) < high
    r2 = 1 - ((predicted - true) ** 2).sum() / ((true - true.mean()) ** 2).sum()
    assert axis.texts[0].get_text().startswith(f"R² = {r2:.3f}\nRMSE = 0.0")


def test_parity_of_equal_values(in_folder):
    figure = figures.parity(np.full(5, 0.5), np.full(5, 0.5))
    drawn(figure, in_folder / "e.png")
    low, high = figure.axes[0].get_xlim()
    assert 0.4 < low < 0.5 < high < 0.6
    assert "RMSE = 0.0000\n5 patterns" in figure.axes[0].texts[0].get_text()


def test_profile_along_a_line(in_folder):
    position, true, predicted = np.arange(20.0), np.linspace(0, 1.1, 20), np.linspace(0.1, 1.05, 20)
    figure = figures.prediction_profile(position, true, predicted)
    assert drawn(figure, in_folder / "c.png") == ["position (Å)", "mean $d_i$"]
    axis = figure.axes[0]
    for line, values in zip(axis.lines, (true, predicted), strict=True):
        assert (line.get_xdata() == position).all()
        assert (line.get_ydata() == values).all()
    low, high = axis.get_ylim()
    assert low <= 0 < 1.1 < high  # d_i above 1 is not cut off
    assert [text.get_text()[:9] for text in figure.legends[0].get_texts()] == ["true (fro", "predicted"]


def test_maps_share_one_scale(in_folder):
    random = np.random.default_rng(0)
    maps = [random.random((6, 8)), 0.5 + random.random((6, 8))]
    figure = figures.disorder_maps(maps, ["a", "b"], (0, 20, 0, 15))
    labels = drawn(figure, in_folder / "d.png")
    assert labels[:2] == ["x (Å)", "x (Å)"]
    assert {"y (Å)", "mean $d_i$"} <= set(labels)
    lowest, highest = maps[0].min(), maps[1].max()
    for axis, values, title in zip(figure.axes[:2], maps, "ab", strict=True):
        image = axis.images[0]
        assert axis.get_title() == title
        assert (np.asarray(image.get_array()) == values).all()
        assert image.origin == "lower"
        assert image.get_extent() == [0, 20, 0, 15]
        assert image.get_clim() == (min(lowest, maps[1].min()), max(highest, maps[0].max()))
    with pytest.raises(InputError, match="one title per map"):
        figures.disorder_maps(maps, ["a"], (0, 1, 0, 1))


def test_figures_of_complexions(in_folder):
    profile = {
        "position": np.arange(40.0),
        "minority_fraction": np.linspace(0, 0.2, 40),
        "disorder": np.linspace(0, 1.1, 40),
    }
    figure = figures.composition_profile(profile)
    labels = drawn(figure, in_folder / "f.png")
    assert {"x (Å)", "Zr (at.%)", "median $d_i$"} <= set(labels)
    composition, disorder = figure.axes
    assert composition.lines[0].get_ydata() == pytest.approx(np.linspace(0, 20, 40))
    assert (disorder.lines[0].get_ydata() == profile["disorder"]).all()
    assert disorder.get_ylim()[1] > 1.1
    names = ("step", "chemical_potential", "zr_fraction", "acceptance")
    history = {
        name: np.linspace(1, 2, 9) * scale for name, scale in zip(names, (1, 1, 0.1, 0.01), strict=True)
    }
    figure = figures.control_history(history, 0.1)
    labels = drawn(figure, in_folder / "g.png")
    assert labels[-3:] == ["Δμ (eV)", "composition (at.%)", "accepted (%)"]
    assert labels[2] == "MD step"
    for axis, (low, high) in zip(figure.axes, ((1, 2), (10, 20), (1, 2)), strict=True):
        assert (axis.lines[0].get_xdata() == history["step"]).all()
        assert axis.lines[0].get_ydata() == pytest.approx(np.linspace(low, high, 9))
    assert figure.axes[1].lines[1].get_ydata() == pytest.approx([10, 10])  # the target


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


def test_figures_show_what_is_above_one(complexion):
    atoms, summary = complexion
    top = {
        k: np.percentile(atoms.arrays["disorder_parameter"][atoms.arrays["region"] == k], 95) for k in (2, 3)
    }
    classes, regions = figures.disorder_boxplots(atoms).axes
    assert regions.get_ylim()[1] > top[3] > 1.05
    assert classes.get_ylim()[1] > 1.15  # the upper whisker of the disordered motifs
    upper = figures.disorder_profiles(summary["profiles"]).axes[0]
    assert upper.get_ylim()[1] > np.nanmax(summary["profiles"]["disorder_parameter"]["percentile_95"]) > 1.05
    bar = figures.structure_slice(atoms).axes[1]
    assert bar.get_xlim() == pytest.approx((0, 1.3))
    assert bar.get_xlabel() == "$d_i$"
    profile = {"position": np.arange(4.0), "minority_fraction": np.full(4, 0.1)}
    for values, top in (([0.1, 0.2, np.nan, 1.1], 1.155), ([0.1, 0.2, 0.3, 0.4], 1.0)):
        lower = figures.composition_profile({**profile, "disorder": np.array(values)}).axes[1]
        assert lower.get_ylim() == pytest.approx((0, top))


def test_figures_of_the_modulus_say_so(complexion):
    atoms, summary = complexion
    other = atoms.copy()
    other.set_array("disorder_modulus", disorder_modulus(other.arrays.pop("disorder_parameter")))
    profiles = {
        "disorder_modulus" if name == "disorder_parameter" else name: part
        for name, part in summary["profiles"].items()
    }
    text = r"$d_i^\mathrm{mod}$"
    assert figures.disorder_profiles(profiles).axes[0].get_ylabel() == text
    boxes = figures.disorder_boxplots(other).axes[0]
    assert boxes.get_ylabel() == text
    assert boxes.get_ylim()[1] < 1.1
    figure = figures.structure_slice(other)
    assert figure.axes[1].get_xlabel() == text
    drawn = figure.axes[0].collections[0].get_facecolors()
    signed = figures.structure_slice(atoms).axes[0].collections[0].get_facecolors()
    assert 0.01 < (drawn != signed).any(axis=1).mean() < 0.2  # only atoms above 1 change
    assert figures.style.label_text("disorder_modulus") == r"mean $d_i^\mathrm{mod}$"
    with pytest.raises(InputError, match="no array 'disorder_parameter'"):
        figures.structure_slice(other, "disorder_parameter")


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
