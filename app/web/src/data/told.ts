/** What decodes events: a module of its own, so that it is loaded when it is needed. */
export { fetchEvents } from '@lumora/client';
