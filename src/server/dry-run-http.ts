/** HTTP in a dry run: no request is made. One whose host `--answer` names is answered so, any other fails. */
import { TandemError } from '../base/errors.ts';
import type { HttpService } from '../route/services.ts';
import { type FarAnswers, finalStatus } from './dry-run-answers.ts';
import { checkRequest, parseUrl } from './http-client.ts';

/** No answer was given for this host: that says nothing about the script. */
export class NotAsked extends TandemError {
  constructor(host: string) {
    const hint = `say what it answers:   --answer '${host}=200:{…}'`;
    super('HTTP_FAILED', `${host} is not asked in a dry run`, { hint });
  }
}

/** `fetched` gets `GET https://api.example.com/path` of each. */
export function capturedHttp(answers: FarAnswers, fetched: string[]): HttpService {
  return {
    fetch: async (url, options = {}) => {
      checkRequest(options);
      const { method = 'GET' } = options;
      const { origin, pathname, hostname } = parseUrl(url);
      fetched.push(`${method} ${origin}${pathname}`);
      const answer = answers.given([hostname]);
      const status = answer === undefined ? undefined : finalStatus(answer);
      if (status !== undefined) return { status, headers: {}, text: answers.givenText([hostname]) ?? '' };
      throw new NotAsked(hostname);
    },
  };
}
