/** The figures of an exchange: read from its own counts when somebody looks, so they cost a call nothing. */
import type { Reading } from '../base/metrics.ts';
import type { Exchange } from './exchange.ts';

/** Adds them to the exchange's registry. */
export function exchangeMetrics(exchange: Exchange): void {
  const { metrics } = exchange.shared;
  metrics.read((say) => transactionFigures(exchange, say));
  metrics.read((say) => poolFigures(exchange, say));
}

type Say = Parameters<Reading>[0];

function transactionFigures({ layer, dispatcher, scriptErrors }: Exchange, say: Say): void {
  const { requests, responses, badMessages } = dispatcher.counters;
  say('tandem_requests_total', 'counter', 'Requests that came, retransmissions too.', requests);
  say('tandem_responses_total', 'counter', 'Responses that came.', responses);
  say('tandem_bad_messages_total', 'counter', 'What came and was no SIP.', badMessages);
  say('tandem_script_errors_total', 'counter', 'Routes that threw; the log names them.', scriptErrors);
  const { slowRoutes } = dispatcher;
  say('tandem_slow_routes_total', 'counter', 'Routes that took over 5 s: answered 500, logged.', slowRoutes);
  const { retransmitted, serverFailed, clientFailed, refused, crowding } = layer.counters;
  say(
    'tandem_retransmissions_total',
    'counter',
    'Requests of ours sent again: loss, or a slow peer.',
    retransmitted,
  );
  say('tandem_refused_total', 'counter', 'Refused at [sip] max_transactions.', refused);
  const held =
    'Refused at [guard] source_transactions_share; the log names the source: one of yours is made exempt.';
  say('tandem_source_refused_total', 'counter', held, crowding);
  const failed = 'Transactions without an end: a peer is silent.';
  say('tandem_transactions_failed_total', 'counter', failed, serverFailed, { side: 'server' });
  say('tandem_transactions_failed_total', 'counter', failed, clientFailed, { side: 'client' });
  say('tandem_transactions', 'gauge', 'Transactions that live.', layer.serverCount, { side: 'server' });
  say('tandem_transactions', 'gauge', 'Transactions that live.', layer.clientCount, { side: 'client' });
}

function poolFigures({ shared }: Exchange, say: Say): void {
  for (const { name, servers, overdue } of shared.pools.list()) {
    say('tandem_pool_overdue_total', 'counter', 'Calls whose end was never seen.', overdue, { pool: name });
    for (const server of servers) {
      const labels = { pool: name, server: server.name };
      say('tandem_pool_up', 'gauge', '1 when the server gets requests.', server.isUp ? 1 : 0, labels);
      say('tandem_pool_calls', 'gauge', 'Calls that go on at the server.', server.calls, labels);
      say('tandem_pool_sent_total', 'counter', 'INVITEs sent to the server.', server.sent, labels);
      say(
        'tandem_pool_failed_total',
        'counter',
        'Those that failed with 5xx or silence.',
        server.failed,
        labels,
      );
    }
  }
}
