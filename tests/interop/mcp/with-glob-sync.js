// For the conformance suite, which imports `globSync` from `fs`: Node.js has it since version 22. What is run here does not call it.
import fs from 'node:fs';
import { register } from 'node:module';

const inline = (source) => `data:text/javascript,${encodeURIComponent(source)}`;
const withGlobSync = inline("export * from 'node:fs'; export { default } from 'node:fs'; export const globSync = undefined;");
const hooks = inline(`
  export const resolve = (name, context, next) =>
    name === 'fs' ? { url: ${JSON.stringify(withGlobSync)}, shortCircuit: true } : next(name, context);
`);
if (!fs.globSync) register(hooks);
