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
type Message =
  | { readonly method: 'Debugger.scriptParsed'; readonly params: Debugger.ScriptParsedEventDataType }
  | { readonly method: 'Debugger.paused'; readonly params: Debugger.PausedEventDataType }
  | { readonly method?: undefined };

/** The line of a script that a worker of ours is at; it runs on afterwards. `url`: of the file it was begun with. */
export function scriptPlaceInWorker(url: string, clock: Clock): Promise<Place | undefined> {
  const session = new Session();
  const urls = new Map<string, string>();
  let worker = '';
  const send = (id: number, method: string): void => {
    const message = JSON.stringify({ id, method });
    session.post('NodeWorker.sendMessageToWorker', { sessionId: worker, message });
  };
  return new Promise((resolve) => {
    const end = (found: Found | undefined): void => {
      timer.cancel();
      // A thread that is left stopped could not be ended.
      if (worker !== '') send(3, 'Debugger.resume');
      session.post('NodeWorker.disable', () => {
        session.disconnect();
        resolve(found?.isScript === true ? found.place : undefined);
      });
    };
    const timer = clock.after(ANSWER_MS, () => end(undefined));
    session.on('NodeWorker.attachedToWorker', ({ params }: Attached) => {
      if (params.workerInfo.url !== url) return;
      worker = params.sessionId;
      send(1, 'Debugger.enable');
      send(2, 'Debugger.pause');
    });
    session.on('NodeWorker.receivedMessageFromWorker', ({ params }: Received) => {
      const message = JSON.parse(params.message) as Message; // The debugger speaks so.
      if (message.method === 'Debugger.scriptParsed') urls.set(message.params.scriptId, message.params.url);
      else if (message.method === 'Debugger.paused') end(placeIn(message.params.callFrames, urls));
    });
    session.connect();
    session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  });
}
