// The dev phone: asks the emulator what is new, and shows it.
// What came from outside becomes text by textContent and nothing else; see `putText`.

"use strict";

const BUBBLES = 50; // messages of a conversation that are shown at once
const NUMBERS = 100; // conversations, likewise
const EXCHANGES = 100;
const MOST_MESSAGES = 6000; // kept here; the emulator has the rest

const at = (id) => document.getElementById(id);

const phone = {
  cursor: "",
  messages: new Map(), // by id
  conversations: new Map(), // by number
  run: 0, // of the emulator, as often as the page saw another one
  oldest: null, // id of the oldest message of which all newer ones are here
  mayHaveOlder: false,
  chosen: null,
  bubbles: BUBBLES,
  numbers: NUMBERS,
  exchanges: [],
  topUps: [],
  kinds: {},
  session: null,
  call: 0, // the exchange that the handset waits for
};

// Making elements

const make = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "className") element.className = value;
    else if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
};

// What would be acted on and not be seen: control characters, and those that turn the direction of what follows.
const UNSEEN = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u2028-\u202e\u2066-\u2069\ufeff]/g;

const putText = (element, text) => {
  const pieces = [];
  let end = 0;
  for (const found of text.matchAll(UNSEEN)) {
    const code = found[0].codePointAt(0);
    const name = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
    const mark = make("span", { className: "control" });
    mark.textContent = name;
    pieces.push(text.slice(end, found.index), mark);
    end = found.index + found[0].length;
  }
  element.replaceChildren(...pieces, text.slice(end));
  return element;
};

const outside = (text, tag = "span", className = "") => {
  const element = make(tag, { className: `outside ${className}`.trim(), dir: "auto" });
  return putText(element, String(text));
};

const clock = (seconds) => {
  const when = new Date(seconds * 1000);
  const isToday = when.toDateString() === new Date().toDateString();
  const options = isToday ? { timeStyle: "medium" } : { dateStyle: "short", timeStyle: "short" };
  const text = Number.isNaN(when.getTime()) ? "" : new Intl.DateTimeFormat("en-GB", options).format(when);
  const element = make("time");
  if (text) element.dateTime = when.toISOString();
  element.textContent = text;
  return element;
};

const plural = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

const milliseconds = (seconds) => (seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`);

// Puts `items` into `parent`, an element for each, without touching those that are in their place already: focus
// and scrolling stay as they are.
const arrange = (parent, items, key, create, update) => {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = document.activeElement;
  let place = parent.firstElementChild;
  for (const item of items) {
    // Another run of the emulator gives the same numbers to other things.
    const name = `${phone.run} ${key(item)}`;
    let element = there.get(name);
    if (element) {
      there.delete(name);
    } else {
      element = create(item);
      element.dataset.key = name;
    }
    if (update) update(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  for (const element of there.values()) element.remove();
  if (focused && focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
};

// Talking to the emulator

class Refused extends Error {}

const ask = async (path, options = {}) => {
  const response = await fetch(path, { cache: "no-store", ...options });
  const document = await response.json();
  if (!response.ok) throw new Refused(document.problem || `status ${response.status}`);
  return document;
};

const post = (path, body) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

const tell = (state, text) => {
  const connection = at("connection");
  connection.dataset.state = state;
  if (connection.textContent !== text) connection.textContent = text;
};

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

const seen = () =>
  new Promise((done) => {
    if (!document.hidden) return done();
    document.addEventListener("visibilitychange", () => done(), { once: true });
  });

const follow = async () => {
  let failures = 0;
  for (;;) {
    // A tab that nobody sees holds no connection: a browser has six to a server.
    await seen();
    try {
      const news = await ask(`/state?since=${encodeURIComponent(phone.cursor)}`);
      failures = 0;
      tell("live", "Live");
      take(news);
      phone.cursor = news.cursor;
      if (news.pause) await pause(news.pause);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof SyntaxError || error instanceof Refused)) throw error;
      failures += 1;
      tell("lost", "The emulator does not answer. Trying again");
      await pause(Math.min(5, 0.5 * failures));
    }
  }
};

const take = (news) => {
  if (news.fresh) {
    learnKinds().catch(() => {});
    forgetMessages();
    phone.run += 1;
    phone.conversations.clear();
    if (!(news.messages || []).some((message) => message.recipient === phone.chosen)) phone.chosen = null;
    showExchange();
    phone.exchanges = [];
    phone.topUps = [];
    phone.mayHaveOlder = Boolean(news.older);
  } else if (news.skipped) {
    forgetMessages();
    phone.mayHaveOlder = true;
  }
  const isFirst = Boolean(news.fresh || news.skipped);
  if (news.messages) takeMessages(news.messages, isFirst);
  for (const state of news.states || []) {
    const message = phone.messages.get(state.id);
    if (message) Object.assign(message, state);
  }
  if (news.exchanges) takeExchanges(news.exchanges);
  if (news.accounts) showAccounts(news.accounts);
  if (news.top_ups || news.fresh) showTopUps(news.top_ups || []);
  if (news.faults) showFaults(news.faults);
  if (news.codes) showCodes(news.codes);
  if (isFirst || news.messages || news.states || news.exchanges) showMessages();
};

// Messages

const forgetMessages = () => {
  phone.messages.clear();
  for (const conversation of phone.conversations.values()) conversation.ids = [];
  phone.oldest = null;
};

const keep = (message) => {
  if (phone.messages.has(message.id)) return null;
  phone.messages.set(message.id, message);
  let conversation = phone.conversations.get(message.recipient);
  if (!conversation) {
    conversation = { number: message.recipient, ids: [], unread: 0, hasAll: false };
    phone.conversations.set(message.recipient, conversation);
  }
  const ids = conversation.ids;
  if (ids.length && ids[ids.length - 1] > message.id) {
    ids.push(message.id);
    ids.sort((one, other) => one - other);
  } else {
    ids.push(message.id);
  }
  return conversation;
};

const takeMessages = (messages, isFirst) => {
  const before = phone.messages.size;
  for (const message of messages) {
    const conversation = keep(message);
    if (conversation && !isFirst && message.recipient !== phone.chosen) conversation.unread += 1;
    if (conversation && !isFirst) message.isNew = true;
  }
  if (phone.oldest === null && messages.length) phone.oldest = messages[0].id;
  if (before === 0 && phone.chosen === null && messages.length) choose(messages[messages.length - 1].recipient, false);
  if (!isFirst) announce(messages);
  if (phone.messages.size > MOST_MESSAGES) thinOut();
};

// The newest half stays; what goes can be asked for again.
const thinOut = () => {
  const ids = [...phone.messages.keys()].sort((one, other) => one - other);
  const gone = new Set(ids.slice(0, ids.length - MOST_MESSAGES / 2));
  for (const id of gone) phone.messages.delete(id);
  for (const conversation of phone.conversations.values()) {
    conversation.ids = conversation.ids.filter((id) => !gone.has(id));
    conversation.hasAll = false;
  }
  phone.oldest = ids[ids.length - MOST_MESSAGES / 2];
  phone.mayHaveOlder = true;
};

const announce = (messages) => {
  const last = messages[messages.length - 1];
  at("announcer").textContent =
    messages.length > 2
      ? `${messages.length} new messages`
      : `New message to ${last.recipient} from ${last.sender_id}: ${last.text.slice(0, 200)}`;
};

const linkTo = (number) => {
  const link = make("a", { href: `#request-${number}` });
  link.textContent = `Request ${number}`;
  return link;
};

const showMessages = () => {
  showConversations();
  showThread();
};

const lastOf = (conversation) => phone.messages.get(conversation.ids[conversation.ids.length - 1]);

const showConversations = () => {
  const wanted = at("find").value.trim().toLowerCase();
  const digits = wanted.replace(/[\s+()-]/g, "").replace(/^0/, "");
  let found = [...phone.conversations.values()].filter((conversation) => conversation.ids.length);
  if (wanted) {
    found = found.filter(
      (conversation) =>
        (digits && conversation.number.includes(digits)) ||
        lastOf(conversation).sender_id.toLowerCase().includes(wanted),
    );
  }
  found.sort((one, other) => other.ids[other.ids.length - 1] - one.ids[one.ids.length - 1]);
  const shown = found.slice(0, phone.numbers);
  arrange(
    at("conversation-list"),
    shown,
    (conversation) => conversation.number,
    (conversation) => {
      const button = make("button", { type: "button" });
      button.addEventListener("click", () => choose(conversation.number, true));
      button.append(
        outside(conversation.number, "span", "name"),
        make("span", { className: "when" }),
        make("span", { className: "last outside", dir: "auto" }),
        make("span", { className: "unread" }),
      );
      return make("li", {}, button);
    },
    (element, conversation) => {
      const button = element.firstElementChild;
      const [, when, last, unread] = button.children;
      const message = lastOf(conversation);
      if (button.dataset.last !== String(message.id)) {
        button.dataset.last = message.id;
        when.replaceChildren(clock(message.submitted));
        putText(last, `${message.sender_id}: ${message.text.slice(0, 100)}`);
      }
      unread.hidden = !conversation.unread;
      unread.textContent = conversation.unread;
      if (conversation.unread) unread.append(make("span", { className: "visually-hidden" }, " new"));
      if (conversation.number === phone.chosen) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    },
  );
  at("no-conversations").hidden = found.length > 0;
  at("no-conversations").textContent = wanted
    ? "No number here is like that."
    : "Nothing was sent yet. What your program sends, by HTTP or by SMPP, is here at once.";
  at("more-conversations").hidden = !(found.length > shown.length || (phone.mayHaveOlder && !wanted));
};

const choose = (number, byHand) => {
  phone.chosen = number;
  phone.bubbles = BUBBLES;
  phone.atEnd = true;
  const conversation = phone.conversations.get(number);
  if (conversation) conversation.unread = 0;
  if (byHand) {
    document.body.dataset.open = "";
    showMessages();
    if (matchMedia("(max-width: 679px)").matches) at("back").focus();
  }
};

const showThread = () => {
  const conversation = phone.conversations.get(phone.chosen);
  const ids = conversation ? conversation.ids : [];
  const scroll = at("scroll");
  const wasAtEnd = phone.atEnd || scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 40;
  const fromEnd = scroll.scrollHeight - scroll.scrollTop;
  const firstBefore = at("bubbles").firstElementChild?.dataset.key;
  const shown = ids.slice(-phone.bubbles);
  const title = at("thread-title");
  if (title.dataset.number !== String(phone.chosen)) {
    title.dataset.number = phone.chosen;
    at("bubbles").replaceChildren();
    putText(title, conversation ? conversation.number : "No number chosen");
  }
  arrange(
    at("bubbles"),
    shown,
    (id) => id,
    (id) => bubble(phone.messages.get(id)),
    (element, id) => updateBubble(element, phone.messages.get(id)),
  );
  at("no-messages").hidden = ids.length > 0;
  const hasMore = phone.mayHaveOlder && conversation && !conversation.hasAll;
  at("older").hidden = !conversation || !ids.length || (shown.length === ids.length && !hasMore);
  at("thread-count").textContent = ids.length ? `${hasMore ? "last " : ""}${plural(ids.length, "message")}` : "";
  if (wasAtEnd) {
    scroll.scrollTop = scroll.scrollHeight;
    phone.atEnd = false;
  } else if (firstBefore !== at("bubbles").firstElementChild?.dataset.key) {
    // Older ones came above: what is read stays where it is.
    scroll.scrollTop = scroll.scrollHeight - fromEnd;
  }
};

const bubble = (message) => {
  const text = outside(message.text, "p", "bubble");
  if (message.left_out) text.append(make("span", { className: "control" }, `${plural(message.left_out, "more character")}`));
  const facts = make("p", { className: "facts" });
  const size = make("span");
  size.textContent = `${plural(message.segments, "segment")}, ${plural(message.segments, "credit")}`;
  const by = make("span", {}, "by ", outside(message.username));
  facts.append(clock(message.submitted), size, make("span", { className: "state" }), by, make("span"));
  return make(
    "li",
    { className: message.isNew ? "new" : null },
    outside(message.sender_id, "p", "sender"),
    text,
    facts,
  );
};

const updateBubble = (element, message) => {
  const [, , state, , link] = element.lastElementChild.children;
  if (state.textContent !== message.state) {
    state.textContent = message.state;
    state.dataset.status = message.status;
  }
  if (message.exchange && !link.firstChild) link.append(linkTo(message.exchange));
};

const showOlder = async () => {
  const conversation = phone.conversations.get(phone.chosen);
  if (!conversation) return;
  if (conversation.ids.length <= phone.bubbles && phone.mayHaveOlder && !conversation.hasAll) {
    const query = `before=${conversation.ids[0]}&recipient=${encodeURIComponent(conversation.number)}`;
    const { messages } = await ask(`/messages?${query}`);
    messages.forEach(keep);
    conversation.hasAll = messages.length === 0;
  }
  phone.bubbles += BUBBLES;
  showMessages();
};

const showMoreConversations = async () => {
  const known = [...phone.conversations.values()].filter((conversation) => conversation.ids.length).length;
  if (known <= phone.numbers && phone.mayHaveOlder && phone.oldest !== null) {
    const { messages } = await ask(`/messages?before=${phone.oldest}`);
    messages.forEach(keep);
    if (messages.length) phone.oldest = messages[0].id;
    else phone.mayHaveOlder = false;
  }
  phone.numbers += NUMBERS;
  showMessages();
};

// Requests

const takeExchanges = (exchanges) => {
  phone.exchanges.push(...exchanges);
  phone.exchanges.splice(0, phone.exchanges.length - EXCHANGES);
  for (const exchange of exchanges) {
    if (!exchange.messages) continue;
    const [start, stop] = exchange.messages;
    for (let id = start; id < stop; id += 1) {
      const message = phone.messages.get(id);
      if (message && !message.exchange) message.exchange = exchange.number;
    }
  }
  arrange(
    at("exchanges"),
    [...phone.exchanges].reverse(),
    (exchange) => exchange.number,
    (exchange) => {
      const what = make("span", { className: "grow" });
      what.append(outside(exchange.title), " ", outside(exchange.username, "span", "faint"));
      const came = outside(exchange.outcome, "span", "faint outcome");
      if (!["done", "ESME_ROK"].includes(exchange.outcome)) came.classList.add("warn");
      const how = make("span", { className: "faint" });
      how.append(exchange.protocol, ", ", clock(exchange.at), `, ${milliseconds(exchange.seconds)}`);
      return make("li", {}, what, came, how, linkTo(exchange.number));
    },
  );
  at("no-exchanges").hidden = phone.exchanges.length > 0;
};

const showExchange = async () => {
  const found = /^#request-(\d+)$/.exec(location.hash);
  if (!found) return;
  const dialog = at("exchange");
  at("exchange-title").textContent = `Request ${found[1]}`;
  at("exchange-request").textContent = at("exchange-reply").textContent = "";
  if (!dialog.open) dialog.showModal();
  try {
    const exchange = await ask(`/exchange?number=${found[1]}`);
    at("exchange-title").textContent = `Request ${exchange.number}, ${exchange.protocol}`;
    putText(at("exchange-request"), exchange.request);
    putText(at("exchange-reply"), exchange.reply);
  } catch (error) {
    at("exchange-request").textContent = problemOf(error);
  }
};

// Accounts

const showAccounts = (accounts) => {
  const above = (account) => account.sub_user_of || account.client_of;
  const below = (name) => accounts.filter((account) => above(account) === name);
  const names = new Set(accounts.map((account) => account.username));
  const rows = [];
  const add = (account, depth) => {
    if (rows.some((row) => row.account === account)) return;
    rows.push({ account, depth });
    below(account.username).forEach((other) => add(other, depth + 1));
  };
  accounts.filter((account) => !names.has(above(account))).forEach((account) => add(account, 0));
  accounts.forEach((account) => add(account, 0));
  arrange(
    at("account-rows"),
    rows,
    ({ account }) => account.username,
    ({ account, depth }) => {
      const name = make("th", { scope: "row", className: depth ? "below" : "" }, outside(account.username));
      const cell = make("td");
      const about = [];
      if (account.reseller) about.push("reseller");
      if (account.sub_user_of) about.push(`sub-account of ${account.sub_user_of}`);
      if (account.client_of) about.push(`client of ${account.client_of}`);
      cell.append(outside(about.join(", ") || "account"));
      for (const word of ["suspended", "frozen"]) {
        if (account[word]) cell.append(" ", make("span", { className: "warn" }, word));
      }
      const ids = account.sender_ids.length ? `sends as ${account.sender_ids.join(", ")}` : "no sender id";
      cell.append(make("br"), outside(`${ids}${account.smpp ? "; SMPP" : ""}`, "span", "faint"));
      return make("tr", {}, name, make("td", { className: "number" }), cell);
    },
    (row, { account }) => {
      row.children[1].textContent = account.balance.toLocaleString("en");
    },
  );
};

const showTopUps = (topUps) => {
  phone.topUps.push(...topUps);
  phone.topUps.splice(0, phone.topUps.length - EXCHANGES);
  arrange(
    at("top-ups"),
    [...phone.topUps].reverse(),
    (topUp) => topUp.number,
    (topUp) => {
      const what = make("span", { className: "grow" });
      what.append(outside(topUp.username), ` gave ${plural(topUp.count, "credit")} to `, outside(topUp.name));
      return make("li", {}, what, make("span", { className: "faint" }, clock(topUp.made)));
    },
  );
  at("no-top-ups").hidden = phone.topUps.length > 0;
};

// Faults

const WORDS = {
  delay: "Answers as usual, but late.",
  status: "Does not act, and answers with an HTTP status.",
  fail: "Does not act, and answers with the text of a failure.",
  refuse: "Does not act, and closes the connection without a reply.",
  "reset-before": "Does not act, and resets the connection.",
  "status-after": "Acts, and answers with an HTTP status that says otherwise.",
  "reset-after": "Acts, and resets the connection: the reply is lost.",
  truncate: "Acts, and cuts the reply short.",
  html: "Acts, and answers with a page of HTML.",
  garbage: "Acts, and answers with bytes that mean nothing.",
  throttle: "Does not take the message: ESME_RTHROTTLED.",
  split: "Writes everything in single octets.",
  reorder: "Acts, and sends the answer behind the next one.",
  duplicate: "Acts, and sends the answer twice.",
};
const ARGUMENTS = {
  delay: ["Seconds", "2"],
  status: ["Status", "503"],
  "status-after": ["Status", "502"],
  fail: ["Text", "Insufficient Balance"],
};

const showFaults = (faults) => {
  arrange(
    at("fault-list"),
    faults,
    (fault) => fault.number,
    (fault) => {
      const what = make("span", { className: "grow" }, outside(fault.fault, "code"), " ", make("span", { className: "faint" }));
      const off = make("button", { type: "button", className: "secondary" }, "Turn off");
      off.append(make("span", { className: "visually-hidden" }, ` ${fault.fault}`));
      off.addEventListener("click", () => act("fault-problem", () => post("/faults/off", { number: fault.number }), at("operation")));
      return make("li", {}, what, off);
    },
    (element, fault) => {
      const often = element.querySelector(".faint");
      const text = fault.times === null ? "" : `${plural(fault.times, "time")} more`;
      if (often.textContent !== text) often.textContent = text;
    },
  );
  at("no-faults").hidden = faults.length > 0;
  const count = at("fault-count");
  count.hidden = !faults.length;
  count.textContent = faults.length;
  if (faults.length) count.append(make("span", { className: "visually-hidden" }, " on"));
};

const option = (value, text = value) => make("option", { value }, text);

const chooseOperation = () => {
  const kind = at("kind").value;
  const kinds = phone.kinds[at("operation").value] || [];
  at("kind").replaceChildren(...kinds.map((name) => option(name)));
  if (kinds.includes(kind)) at("kind").value = kind;
  chooseKind();
};

const chooseKind = () => {
  const kind = at("kind").value;
  at("kind-words").textContent = WORDS[kind] || "";
  const [name, example] = ARGUMENTS[kind] || ["", ""];
  at("argument-label").hidden = !name;
  at("argument-name").textContent = name;
  at("argument").value = example;
  at("argument").required = Boolean(name);
};

const learnKinds = async () => {
  if (Object.keys(phone.kinds).length) return;
  phone.kinds = await ask("/kinds");
  at("operation").replaceChildren(
    ...Object.keys(phone.kinds).map((name) => option(name, name === "*" ? "every operation" : name)),
  );
  if (phone.kinds.sendtext) at("operation").value = "sendtext";
  chooseOperation();
};

// USSD

const showCodes = (codes) => {
  arrange(
    at("codes"),
    codes,
    (code) => `${code.code} ${code.callback} ${code.entries}`,
    (code) => {
      const what = make("span", { className: "grow" });
      what.append(outside(code.code, "code"), " ", outside(code.callback, "span", "faint"));
      what.append(make("span", { className: "faint" }, code.entries === "alone" ? " last entry alone" : ""));
      const dial = make("button", { type: "button", className: "secondary" }, "Dial");
      dial.append(make("span", { className: "visually-hidden" }, ` ${code.code}`));
      dial.addEventListener("click", () => {
        at("code").value = code.code;
        startSession();
      });
      const remove = make("button", { type: "button", className: "plain" }, "Remove");
      remove.append(make("span", { className: "visually-hidden" }, ` ${code.code}`));
      remove.addEventListener("click", () => act("code-problem", () => post("/ussd/codes/remove", { code: code.code }), at("new-code")));
      return make("li", {}, what, dial, remove);
    },
  );
  at("known-codes").replaceChildren(...codes.map((code) => option(code.code)));
};

const showScreen = (state, text) => {
  at("screen").dataset.state = state;
  putText(at("screen-text"), text);
};

const setOpen = (isOpen) => {
  for (const id of ["entry", "send", "hang-up"]) at(id).disabled = !isOpen;
  at("entry").value = "";
};

const showStep = (step) => {
  phone.session = step.open ? step.session : null;
  const said = step.problem ? `The session ended: ${step.problem}` : step.text;
  showScreen(step.problem ? "problem" : step.open ? "open" : "ended", step.open || step.problem ? said : `${said}\n\n(the session has ended)`);
  setOpen(step.open);
  const head = make("p", { className: "head" }, outside(step.entered || "(nothing)", "strong"), milliseconds(step.seconds));
  const request = make("pre", { tabindex: "0", role: "region", "aria-label": "What was posted" });
  putText(request, step.request);
  const reply = make("pre", { tabindex: "0", role: "region", "aria-label": "What came back" });
  putText(reply, `${step.status === null ? "no reply" : `HTTP status ${step.status}`}\n\n${step.reply}`);
  const raw = make("details", {}, make("summary", {}, "Raw exchange"), request, reply);
  const item = make("li", { "data-state": step.problem ? "problem" : "fine" }, head);
  if (step.problem) item.append(outside(step.problem, "p", "problem"));
  item.append(raw);
  at("steps").append(item);
  at("no-steps").hidden = true;
};

const busy = async (work) => {
  // What was hung up on meanwhile has no say any more.
  const call = (phone.call += 1);
  for (const id of ["dial", "send"]) at(id).disabled = true;
  at("screen").setAttribute("aria-busy", "true");
  at("ussd-problem").textContent = "";
  try {
    const step = await work();
    if (call !== phone.call) return;
    showStep(step);
  } catch (error) {
    if (call !== phone.call) return;
    at("ussd-problem").textContent = problemOf(error);
    if (phone.session === null) showScreen("idle", "Dial a code");
    setOpen(phone.session !== null);
  } finally {
    if (call === phone.call) {
      at("dial").disabled = false;
      at("screen").removeAttribute("aria-busy");
    }
  }
  at(phone.session === null ? "code" : "entry").focus();
};

const startSession = async () => {
  await hangUp();
  at("steps").replaceChildren();
  at("no-steps").hidden = false;
  setOpen(false);
  showScreen("idle", `Dialling ${at("code").value}`);
  await busy(() => post("/ussd/dial", { msisdn: at("msisdn").value, code: at("code").value }));
};

const hangUp = async () => {
  if (phone.session === null) return;
  const session = phone.session;
  phone.session = null;
  phone.call += 1;
  at("dial").disabled = false;
  at("screen").removeAttribute("aria-busy");
  setOpen(false);
  showScreen("idle", "Dial a code");
  at("code").focus();
  await post("/ussd/hang-up", { session }).catch(() => {});
};

// What people do

const problemOf = (error) => (error instanceof Refused ? error.message : "The emulator does not answer.");

// Does something, and says where it failed. `next` gets the focus where what had it is taken away.
const act = async (place, work, next = null) => {
  at(place).textContent = "";
  try {
    await work();
    if (next) next.focus();
    return true;
  } catch (error) {
    at(place).textContent = problemOf(error);
    return false;
  }
};

const onSubmit = (id, work) =>
  at(id).addEventListener("submit", (event) => {
    event.preventDefault();
    work();
  });

const look = (view) => {
  document.body.dataset.view = view;
  if (view !== "messages") document.body.dataset.panel = view;
  markView();
};

// On a wide screen the messages are always there, and it is the panel that is chosen.
const markView = () => {
  const { view, panel } = document.body.dataset;
  const chosen = matchMedia("(min-width: 1140px)").matches ? panel : view;
  for (const button of document.querySelectorAll("nav button")) {
    if (button.dataset.view === chosen) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
};

const begin = () => {
  for (const button of document.querySelectorAll("nav button")) {
    button.addEventListener("click", () => look(button.dataset.view));
  }
  matchMedia("(min-width: 1140px)").addEventListener("change", markView);
  markView();
  at("back").addEventListener("click", () => {
    delete document.body.dataset.open;
    const chosen = at("conversation-list").querySelector('[aria-current="true"]');
    (chosen || at("find")).focus();
  });
  at("find").addEventListener("input", () => showConversations());
  at("older").addEventListener("click", () => showOlder().catch(() => {}));
  at("more-conversations").addEventListener("click", () => showMoreConversations().catch(() => {}));
  at("operation").addEventListener("change", chooseOperation);
  at("kind").addEventListener("change", chooseKind);
  onSubmit("fault-form", () => {
    const times = at("times").value;
    const fault = { operation: at("operation").value, kind: at("kind").value, times: times ? Number(times) : null };
    fault.argument = ARGUMENTS[fault.kind] ? at("argument").value : "";
    act("fault-problem", () => post("/faults", fault));
  });
  onSubmit("dial-form", startSession);
  onSubmit("enter-form", () => {
    if (phone.session !== null) busy(() => post("/ussd/enter", { session: phone.session, text: at("entry").value }));
  });
  at("hang-up").addEventListener("click", hangUp);
  onSubmit("code-form", async () => {
    const code = { code: at("new-code").value, callback: at("callback").value, entries: at("new-entries").value };
    if (await act("code-problem", () => post("/ussd/codes", code))) at("code").value = code.code;
  });
  addEventListener("hashchange", showExchange);
  at("exchange").addEventListener("close", () => history.replaceState(null, "", location.pathname));
  showExchange();
  follow();
};

begin();
