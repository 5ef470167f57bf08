/** The scripts that towns are run with: what is shipped, and the same without passwords. */
export { default as openRegistrar } from '../../bench/scripts/plain.ts';
export { default as registrarProxy } from '../../examples/registrar-proxy.ts';
export { default as redirectServer } from '../../examples/redirect-server.ts';
