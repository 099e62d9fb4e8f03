/** Rules for the page's code: ESLint's recommended ones, for modules in browsers and workers. */
import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['web/vendor/', 'web/files.js'] },
  js.configs.recommended,
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  { files: ['web/*.js'], languageOptions: { globals: { ...globals.browser, ...globals.worker } } },
  { files: ['web/sw.js', 'web/checked.js'], languageOptions: { sourceType: 'script', globals: globals.serviceworker } },
];
