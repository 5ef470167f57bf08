import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricRegistry } from '../base/metrics.ts';
import { MetricsServer } from './metrics-server.ts';

test('GET /metrics shows the figures, anything else nothing', async () => {
  const metrics = new MetricRegistry();
  metrics.counter('calls_total', 'Calls.').add(3);
  const server = new MetricsServer(metrics);
  const port = await server.start({ host: '127.0.0.1', port: 0 });
  const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, await response.text()];
  };

  assert.deepEqual(await get('/metrics'), [
    200,
    '# HELP calls_total Calls.\n# TYPE calls_total counter\ncalls_total 3\n',
  ]);
  assert.equal((await get('/'))[0], 404);
  assert.equal((await get('/metrics', 'POST'))[0], 404);
  await server.stop();
});

test('a port that is taken is told with the setting that names it', async () => {
  const first = new MetricsServer(new MetricRegistry());
  const second = new MetricsServer(new MetricRegistry());
  const port = await first.start({ host: '127.0.0.1', port: 0 });

  await assert.rejects(second.start({ host: '127.0.0.1', port }), {
    code: 'PORT_TAKEN',
    hint: /\[metrics\] listen/,
  });
  await first.stop();
});
