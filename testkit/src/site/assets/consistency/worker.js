// For dedicated, shared and service workers.
const base = location.protocol === 'blob:' ? new URL(location.href.slice('blob:'.length)).origin : location.origin;
importScripts(`${base}/consistency/table.js`);
const answer = ({ origin, run, place }) => report(origin, run, place);
onmessage = (event) => {
  const done = answer(event.data).then((place) => (event.source ?? self).postMessage(place));
  if (event.waitUntil) event.waitUntil(done);
};
onconnect = ({ ports: [port] }) => {
  port.onmessage = ({ data }) => answer(data).then((place) => port.postMessage(place));
};
oninstall = () => skipWaiting();
