/** `GET /metrics`, for Prometheus. Off unless `[metrics] listen` says where. */
import { createServer, type Server } from 'node:http';
import { TandemError } from '../base/errors.ts';
import type { MetricRegistry } from '../base/metrics.ts';
import type { HostPort } from '../base/world.ts';

/** Connections at once; one more is closed unheard. */
export const METRICS_CONNECTIONS_MAX = 16;
const REQUEST_MS = 5_000;

/** Answers with every figure of the registry. */
export class MetricsServer {
  private readonly server: Server;

  constructor(registry: MetricRegistry) {
    this.server = createServer(
      { requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS },
      (request, response) => {
        const found = request.method === 'GET' && request.url === '/metrics';
        response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
        response.end(found ? registry.text() : 'GET /metrics\n');
      },
    );
    this.server.maxConnections = METRICS_CONNECTIONS_MAX;
  }

  /** Answers the port. Rejects with PORT_TAKEN when it cannot be had. */
  start({ host, port }: HostPort): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.once('error', (cause) => {
        reject(
          new TandemError('PORT_TAKEN', `cannot listen on ${host}:${port} for metrics`, {
            cause,
            hint: 'change [metrics] listen in tandem.toml, or stop what uses the port',
          }),
        );
      });
      this.server.listen(port, host, () => {
        const address = this.server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /** Closes every connection. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
