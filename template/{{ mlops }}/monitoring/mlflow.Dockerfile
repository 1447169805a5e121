# The tracking server with drivers for PostgreSQL and buckets, which MLflow's own image lacks.
FROM python:3.11-slim
RUN pip install --no-cache-dir mlflow==3.17.2 "psycopg[binary]==3.3.9" boto3==1.40.74 \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin mlflow \
 && install --directory --owner 10001 /artifacts
USER 10001
EXPOSE 5000
