import { serverLaws } from './database-laws.ts';

serverLaws('postgres');
