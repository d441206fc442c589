FROM python:3.12-slim

# What is installed beside the server, by the names in pyproject.toml: its own model, and what sends
# notices; `cluster`, `postgresql` and `trackers` (or some of these) where they are asked for.
ARG EXTRAS=demo,notices

# An unprivileged user; /data holds the database, the adapters, and data/ for local files.
RUN useradd --create-home lab && mkdir /data && chown lab /data
WORKDIR /app
COPY pyproject.toml constraints.txt hatch_build.py README.md LICENSE ./
COPY loraone loraone
COPY backend backend
COPY frontend frontend
RUN pip install --no-cache-dir -c constraints.txt ".[${EXTRAS}]" && rm -rf /app

USER lab
WORKDIR /home/lab
ENV LORAONE_HOME=/data LORAONE_IN_CONTAINER=1 HF_HOME=/data/huggingface
VOLUME /data
EXPOSE 8111
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8111/api/health', timeout=4)"]
CMD ["loraone", "serve"]
