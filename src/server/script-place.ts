/** Where a thread is that does not come back: its debugger knows, also while it runs. */
import { type Debugger, type InspectorNotification, type NodeWorker, Session } from 'node:inspector';
import type { Clock } from '../base/world.ts';

/** A debugger that has said nothing for so long says nothing: its thread waits, and runs no line. */
const ANSWER_MS = 1_000;
const GENERATION = /\?generation=[\w.]+/;

/** A line of a file. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** What a thread is at, and whether that is a script. */
export interface Found {
  readonly place: Place;
  readonly isScript: boolean;
}

/** The innermost frame of a script, else of a file of ours, else the innermost one. */
export function placeIn(
  frames: readonly Debugger.CallFrame[],
  urls: ReadonlyMap<string, string>,
): Found | undefined {
  const places = frames.map(({ location }) => ({
    url: urls.get(location.scriptId) ?? '',
    line: location.lineNumber + 1,
  }));
  const isFile = ({ url }: { readonly url: string }): boolean => url.startsWith('file://');
  const place = places.find(({ url }) => GENERATION.test(url)) ?? places.find(isFile) ?? places[0];
  if (place === undefined) return undefined;
  const url = place.url.replace(GENERATION, '');
  const file = isFile(place) ? decodeURIComponent(new URL(url).pathname) : url;
  return { place: { file, line: place.line }, isScript: place.url !== url };
}

type Attached = InspectorNotification<NodeWorker.AttachedToWorkerEventDataType>;
type Received = InspectorNotification<NodeWorker.ReceivedMessageFromWorkerEventDataType>;
/** What the debugger of a worker sends, as far as it is read. */
type Message = { readonly id?: number } & (
  | { readonly method: 'Debugger.scriptParsed'; readonly params: Debugger.ScriptParsedEventDataType }
  | { readonly method: 'Debugger.paused'; readonly params: Debugger.PausedEventDataType }
  | { readonly method?: undefined }
);

/** The number of our last word to a worker. */
const LEFT = 4;

/**
 * The line of a script that a worker of ours is at; it runs on afterwards, for one that is left stopped could not be
 * ended. One that has not answered yet may still stop, until it has heard that nobody asks any more. `url`: of the file
 * it was begun with.
 */
export async function scriptPlaceInWorker(url: string, clock: Clock): Promise<Place | undefined> {
  const session = new Session();
  const urls = new Map<string, string>();
  const paused = Promise.withResolvers<Found | undefined>();
  const left = Promise.withResolvers<void>();
  let worker = '';
  const send = (id: number, method: string): void => {
    const message = JSON.stringify({ id, method });
    session.post('NodeWorker.sendMessageToWorker', { sessionId: worker, message });
  };
  session.on('NodeWorker.attachedToWorker', ({ params }: Attached) => {
    if (params.workerInfo.url !== url) return;
    worker = params.sessionId;
    send(1, 'Debugger.enable');
    send(2, 'Debugger.pause');
  });
  session.on('NodeWorker.receivedMessageFromWorker', ({ params }: Received) => {
    const message = JSON.parse(params.message) as Message; // The debugger speaks so.
    if (message.id === LEFT) left.resolve();
    if (message.method === 'Debugger.scriptParsed') urls.set(message.params.scriptId, message.params.url);
    else if (message.method === 'Debugger.paused') paused.resolve(placeIn(message.params.callFrames, urls));
  });
  session.connect();
  session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  const found = await within(clock, paused.promise);
  if (worker !== '') {
    send(3, 'Debugger.resume');
    send(LEFT, 'Debugger.disable');
    await within(clock, left.promise);
  }
  session.post('NodeWorker.disable');
  session.disconnect();
  return found?.isScript === true ? found.place : undefined;
}

/** What comes in time; undefined when it does not. */
async function within<T>(clock: Clock, answer: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = clock.after(ANSWER_MS, () => late.resolve(undefined));
  const first = await Promise.race([answer, late.promise]);
  timer.cancel();
  return first;
}
