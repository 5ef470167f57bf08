/** Run an exchange inside another program: `startServer(loadSettings('tandem.toml'))`. */
export { type RunningServer, startServer } from './server.ts';
export { loadSettings, type Settings, type SettingsInput } from './settings.ts';
