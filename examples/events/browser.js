// Follows topics from a page, or from Node with npm's `eventsource` as EventSource. An EventSource cannot send a token, so it sends a
// ticket; it reconnects by itself, with its position, until an answer is not 200. Then this code requests a new ticket and continues.

const TYPES = ["message", "tombstone", "binary", "skipped", "gap", "reset", "goodbye", "position"];

/**
 * @param url such as https://onramp.example.com/topics/orders,payments/events
 * @param getTicket returns a promise of a ticket: from your server, which has the token, or from POST /tickets
 * @param onEvent is called with every event
 * @returns a function that stops it
 */
export function follow(url, getTicket, onEvent) {
  const target = new URL(url);
  const stopped = new AbortController();
  const open = async () => {
    target.searchParams.set("ticket", await getTicket());
    if (stopped.signal.aborted) return;
    const source = new EventSource(target);
    const take = (event) => {
      if (event.lastEventId) target.searchParams.set("lastEventId", event.lastEventId);
      onEvent(event);
    };
    for (const type of TYPES) source.addEventListener(type, take);
    source.addEventListener("error", () => source.readyState === EventSource.CLOSED && openLater());
    stopped.signal.addEventListener("abort", () => source.close());
  };
  const openLater = () => setTimeout(() => open().catch(openLater), 2000 + Math.random() * 3000);
  open().catch(openLater);
  return () => stopped.abort();
}
