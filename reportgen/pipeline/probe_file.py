"""A probe set mapped by one analysis and those that it requires, and made into the file that the analysis declares."""

from __future__ import annotations

import gzip
import zlib
from functools import partial
from pathlib import Path

from reportgen.analysis.probe_file import MadeFile, ProbeFile
from reportgen.analysis.protocol import AnyAnalysis
from reportgen.pipeline.engines.threads import Threads
from reportgen.pipeline.execution import Execution
from reportgen.pipeline.map import Locks, Tally, Workbench, explain_again, map_folder
from reportgen.pipeline.mapped_folder import MappedFolder
from reportgen.pipeline.models import prepare_models
from reportgen.pipeline.plan import plan
from reportgen.pipeline.providers import INSTALLED, Providers
from reportgen.pipeline.reduce import ProbeReduceView
from reportgen.settings.model import DocumentSettings, Settings
from reportgen.storage.cache import in_use
from reportgen.storage.store import cache_folder
from reportgen.utils.errors import UsageError
from reportgen.utils.files import write_file
from reportgen.utils.progress import Progress, Silent, Stopwatch
from reportgen.utils.untrusted_files import is_file

GZIP = b"\x1f\x8b"


def probing_task(providers: Providers = INSTALLED) -> AnyAnalysis:
    """The analysis that makes a file of a probe set: the first in the report's order that declares one.

    Raises:
        UsageError: none of the installed ones does.
    """
    for analysis in providers.analyses(()):
        if analysis.probe_file is not None:
            return analysis
    raise UsageError("no installed analysis makes a file of a probe set")


def make_probe_file(
    probe: Path,
    out: Path,
    settings: Settings,
    *,
    fresh: bool = False,
    execution: Execution | None = None,
    progress: Progress | None = None,
    providers: Providers = INSTALLED,
) -> MadeFile:
    """Map the images below `probe` and write the file to `out`, compressed where its name ends in `.gz`.

    Results are kept as those of a run are, and taken from there.

    Args:
        settings: their first model counts; its tasks and probe set do not.
        execution: where and how the map is done; the file is the same for any.

    Raises:
        NothingToDo: no readable image.
        Problems: what is missing or cannot work, a line each.
    """
    progress, analysis = progress or Silent(), probing_task(providers)
    file = analysis.probe_file
    assert file is not None  # see `probing_task`
    cache, execution = cache_folder(), execution or Execution()
    with in_use(cache):
        store, store_checks = execution.results_in(cache)
        made = plan(
            probe,
            _without_report(settings, analysis, file),
            providers=providers,
            further=(lambda: _require_free(out, file), *store_checks),
            progress=progress,
            described=False,
        )
        watch = Stopwatch()
        models = prepare_models(made, cache / "models", providers, progress)
        bench = Workbench(made, models, store, Locks(made.analyses), watch, Tally(), fresh)
        mapped = map_folder(
            made.images,
            made.on_images,
            bench,
            Threads(execution.at_once),
            stage="Reading the probe set",
            progress=progress,
        )
        again = partial(explain_again, analyses=made.on_images, bench=bench)
        folder = MappedFolder(mapped, store, made.explained, fold_near=settings.statistics.fold_near, again=again)
        progress.stage(analysis.title, 1)
        found = file.make(ProbeReduceView(analysis, made, folder, store, fresh=fresh))
        progress.step(out.name)
    # No time of writing in it, so that equal labels are equal files.
    write_file(out, gzip.compress(found.data, 9, mtime=0) if out.suffix == ".gz" else found.data)
    return found


def _without_report(settings: Settings, analysis: AnyAnalysis, file: ProbeFile) -> Settings:
    """The settings of one analysis on one model; what is said of a report, and what only a report needs, is left out."""
    return settings.model_copy(
        update={
            "models": settings.models[:1],
            "explain": (),
            "document": DocumentSettings(),
            "tasks": (analysis.name,),
            "probe": None,
            "gates": {},
            analysis.settings_name: file.own_settings(analysis.own(settings), settings.models[0]),
        }
    )


def _require_free(out: Path, made: ProbeFile) -> None:
    """Require that no file would be lost but one that an earlier call has made."""
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; give a file for the labels with -o")
    if out.exists() and not _beginning(out, len(made.begins)) == made.begins:
        raise UsageError(f"{out}: is in the way and no file of reportgen dissect; give another one with -o")


def _beginning(path: Path, count: int) -> bytes:
    """The first bytes of a file, of one packed by gzip those of what it holds; none where it cannot be read."""
    try:
        if not is_file(path):
            return b""
        with path.open("rb") as file:
            start = file.read(max(count, 4096))
        return zlib.decompressobj(wbits=31).decompress(start, count) if start.startswith(GZIP) else start[:count]
    except (OSError, zlib.error):
        return b""
