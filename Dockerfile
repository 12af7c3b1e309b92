# reportgen in a container: no compiler, no root, no network at run time.
#
#   docker build -t reportgen --build-arg TORCH_INDEX=... .
#   docker run --rm --network none -v "$PWD/photos:/photos:ro" -v "$PWD/out:/out" -v reportgen-cache:/cache reportgen run /photos
#
# TORCH_INDEX: a package index with CPU-only wheels of torch and torchvision (PyTorch's own page on installing names it). Without one
# the default index is used, whose wheels for Linux bring several GB of CUDA, and work on a CPU all the same.
# EXTRAS: of reportgen, separated by commas: transformers, mlflow, wandb.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
ARG TORCH_INDEX=""
ARG EXTRAS=""
ENV PIP_CONSTRAINT=/source/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PATH=/opt/reportgen/bin:$PATH
WORKDIR /source
RUN python -m venv /opt/reportgen
COPY constraints.txt pyproject.toml ./
# What changes rarely first: torch, then everything that reportgen needs, then reportgen.
RUN if [ -n "$TORCH_INDEX" ]; then pip install --no-deps --index-url "$TORCH_INDEX" torch torchvision; fi
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > needed.txt \
 && pip install -r needed.txt
COPY . .
RUN pip install ".${EXTRAS:+[$EXTRAS]}"

FROM ${BASE}
# Pango lays the PDF out. The report brings its own fonts; these are for names in other scripts.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      fonts-dejavu-core fonts-noto-core libharfbuzz-subset0 libpango-1.0-0 libpangoft2-1.0-0 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 1000 reportgen \
 && install -d -m 1777 /cache /out
COPY --from=build /opt/reportgen /opt/reportgen
# Whoever runs it (`--user`) may write to both folders, and nowhere else anything is written.
ENV PATH=/opt/reportgen/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    REPORTGEN_CACHE_DIR=/cache/reportgen \
    XDG_CACHE_HOME=/cache \
    MPLCONFIGDIR=/cache/matplotlib
USER reportgen
WORKDIR /out
VOLUME ["/cache", "/out"]
ENTRYPOINT ["reportgen"]
CMD ["--help"]
