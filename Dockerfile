# The project as an image: `docker build -t lung_cxr .`, or for an NVIDIA GPU `docker build --build-arg VARIANT=gpu …`.
# A small image without TensorFlow that predicts with a bundle (docs/predict.md): `docker build --target predict …`.
#
#   docker run -v /srv/cxr:/data lung_cxr run --pipelines ingestion,splitting      the options of `kedro`
#   docker run --gpus all -v /srv/cxr:/data lung_cxr run --pipelines training
#   docker run -v /srv/bundle:/bundle:ro -v /srv/images:/images:ro lung_cxr_predict /images
#
# Data, results and the key stay outside, in the folder mounted at /data; nothing of a hospital is in the image.
ARG PYTHON=3.11
FROM python:${PYTHON}-slim AS predict
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONPATH=/project/src
WORKDIR /project
COPY requirements-predict.lock ./
RUN pip install --require-hashes -r requirements-predict.lock
COPY src src
RUN useradd --create-home lung_cxr
USER lung_cxr
ENTRYPOINT ["python", "-m", "lung_cxr.bundle", "/bundle"]

FROM python:${PYTHON}-slim AS base

ARG VARIANT=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONHASHSEED=0 TF_CPP_MIN_LOG_LEVEL=2

WORKDIR /project
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN pip install --require-hashes -r requirements.lock

COPY src src
COPY conf conf
COPY .telemetry .
# For a GPU, CUDA's libraries at the versions that this TensorFlow names; all else stays as locked.
RUN pip install --no-deps --no-build-isolation . \
    && if [ "${VARIANT}" = gpu ]; then pip install "tensorflow[and-cuda]==$(python -c 'from importlib.metadata import version; print(version("tensorflow"))')"; fi \
    && ln -s /data data

# A user of its own; the mounted folder must let it write (`--user "$(id -u):$(id -g)"` takes yours).
RUN useradd --create-home lung_cxr
USER lung_cxr
VOLUME /data
ENTRYPOINT ["kedro"]
CMD ["run"]
