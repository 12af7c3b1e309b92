"""One run: plan, map, reduce, assemble."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from reportgen.images.sources.given import Images
from reportgen.pipeline.assemble import Reduced, assemble, cite
from reportgen.pipeline.execution import Execution
from reportgen.pipeline.image_records import choose_shown, record_every
from reportgen.pipeline.map import Locks, MapEngine, Mapped, Tally, Workbench, explain_again, map_folder
from reportgen.pipeline.mapped_folder import MappedFolder
from reportgen.pipeline.models import prepare_models
from reportgen.pipeline.pictures import of_pictures, of_probe_pictures
from reportgen.pipeline.plan import Plan, plan
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.pipeline.reduce import Reducing, observed, reduce_all
from reportgen.report.bibtex import REFERENCES_FILE, bibtex
from reportgen.report.bounds import KeptRows, carded
from reportgen.report.document import Report
from reportgen.settings.model import Settings
from reportgen.storage.run_folder import RunFolder
from reportgen.utils.hashing import digest_of
from reportgen.utils.progress import Progress, Silent, Stopwatch
from reportgen.utils.versions import PACKAGES


def analyse(
    images: Images,
    settings: Settings,
    folder: RunFolder,
    cache: Path,
    *,
    fresh: bool = False,
    execution: Execution | None = None,
    command: Sequence[str] = (),
    progress: Progress | None = None,
    providers: Providers = INSTALLED,
    further: Sequence[Callable[[], object]] = (),
) -> tuple[Report, Stopwatch]:
    """Explain every image of `images` and make a Report of it; its files go to `folder`.

    Args:
        execution: where and how the map is done; the report is the same for any.
        further: checks of the caller's, made before any work (`plan`).

    Raises:
        NothingToDo: no readable image.
        Problems: what is missing or cannot work, a line each.
    """
    cache = cache.absolute()  # a worker may be in another folder
    execution = execution or Execution()
    progress, watch, (store, store_checks) = progress or Silent(), Stopwatch(), execution.results_in(cache)
    checks = (*further, folder.require_free, execution.require_possible, *store_checks)
    made = plan(images, settings, providers=providers, further=checks, progress=progress, out=folder.path)
    for left_out in made.left_out:
        progress.say(left_out.sentence)
    with execution.begun(providers, cache / "models") as engine:
        with watch.stage("models"):
            models = prepare_models(made, cache / "models", engine.on(providers), progress)
        bench = Workbench(made, models, store, Locks(made.analyses), watch, Tally(), fresh)
        mapped, probe = _mapped(bench, engine, progress)
    folder.begin()
    shared = _reducing(made, mapped, probe, folder, bench, providers.versions(PACKAGES))
    contributions = reduce_all(shared, watch, progress)
    references = cite(made, contributions)
    if references:
        folder.raw(REFERENCES_FILE, bibtex(references))
    document = made.front.written(folder)
    done = Reduced(
        plan=made,
        models=models,
        records=shared.records,
        shown=shared.shown,
        skipped=mapped.skipped,
        inputs=_inputs(made, probe),
        contributions=contributions,
        copies=shared.mapped.copies,
        observed=observed(shared),
        pictures=[*of_pictures(mapped, made.explained), *of_probe_pictures(probe, made.explained)],
        references=references,
        document=document,
    )
    return assemble(done, command, folder), watch


def _inputs(made: Plan, probe: Mapped | None) -> dict[str, str]:
    """What was read besides images and weights (`Plan.inputs`), a probe set of its own among it."""
    if probe is None:
        return dict(made.inputs)
    return {**made.inputs, "probe set": digest_of({image.file.name: image.sha256 for image in probe.images})}


def _mapped(bench: Workbench, engine: MapEngine, progress: Progress) -> tuple[Mapped, Mapped | None]:
    """The images and, where it is a folder of its own, the probe set."""
    made, probe = bench.plan, None
    if made.probe is not None:
        probe = map_folder(made.probe, made.on_probe, bench, engine, stage="Reading the probe set", progress=progress)
    mapped = map_folder(made.images, made.on_images, bench, engine, stage="Explaining images", progress=progress)
    computed, reused = bench.tally.computed, bench.tally.reused
    progress.say(f"{reused} of {reused + computed} results were in the store; {computed} computed")
    return mapped, probe


def _reducing(
    made: Plan, mapped: Mapped, probe: Mapped | None, folder: RunFolder, bench: Workbench, versions: Mapping[str, str]
) -> Reducing:
    fold_near = made.settings.statistics.fold_near
    images, probed = (partial(explain_again, analyses=of, bench=bench) for of in (made.on_images, made.on_probe))
    results = MappedFolder(mapped, bench.store, made.explained, fold_near=fold_near, again=images)
    shown = choose_shown(made, mapped, results)
    most = made.settings.document.records
    if len(results.names) > most:
        folder.kept_rows = KeptRows(most, frozenset(shown.images), frozenset(carded(results.names, shown.images)))
    return Reducing(
        plan=made,
        models=bench.models,
        mapped=results,
        probe=results
        if probe is None
        else MappedFolder(probe, bench.store, made.explained, fold_near=fold_near, again=probed),
        records=record_every(made, mapped, shown, results, folder),
        shown=shown,
        versions=versions,
        files=folder,
        store=bench.store,
        fresh=bench.fresh,
    )
