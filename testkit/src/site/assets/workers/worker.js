// One script for a dedicated, a shared and a service worker: answers whoever asks.
const answer = navigator.userAgent;
onmessage = (event) => (event.source ?? self).postMessage(answer);
onconnect = ({ ports: [port] }) => { port.onmessage = () => port.postMessage(answer); };
oninstall = () => skipWaiting();
onactivate = (event) => event.waitUntil(clients.claim());
