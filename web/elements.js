/**
 * The page's elements, by their ids in index.html.
 *
 * @typedef {'about'|'backend-note'|'backend-summary'|'drop'|'examples'|'limits'|'loaded'|'loading'|'model-choice'|
 *   'offline'|'result'|'results'|'rows'|'status'|'table'|'update'} Plain
 * @typedef {'clear'|'close-camera'|'shoot'|'take-over'|'use-camera'} Button
 * @typedef {Record<Plain, HTMLElement> & Record<Button, HTMLButtonElement> & Record<'backend'|'model', HTMLSelectElement>
 *   & Record<'card'|'face', HTMLTemplateElement> & {camera: HTMLDialogElement, csv: HTMLAnchorElement,
 *   file: HTMLInputElement, progress: HTMLProgressElement, video: HTMLVideoElement}} Elements
 */

/** @type {<Id extends keyof Elements>(id: Id) => Elements[Id]} */
export const find = (id) => /** @type {any} */ (document.getElementById(id));
