// Slack's ways of writing times, in the browser's own time zone.

const clock = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit" });
const clockSeconds = new Intl.DateTimeFormat("en-US", {
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
});

export const dateOf = (ts) => new Date(Number(ts) * 1000);
export const timeOf = (ts) => clock.format(dateOf(ts));
export const shortTimeOf = (ts) => timeOf(ts).replace(/\s?[AP]M/, "");
export const dayKey = (ts) => dateOf(ts).toDateString();

function ordinal(day) {
  const tail = day % 100 >= 11 && day % 100 <= 13 ? "th" : ({ 1: "st", 2: "nd", 3: "rd" }[day % 10] ?? "th");
  return `${day}${tail}`;
}

const part = (date, options) => date.toLocaleDateString("en-US", options);

function daysAgo(date) {
  const midnight = (value) => new Date(value.getFullYear(), value.getMonth(), value.getDate());
  return Math.round((midnight(new Date()) - midnight(date)) / 86400000);
}

function pretty(date, words) {
  return { 0: "today", 1: "yesterday", "-1": "tomorrow" }[daysAgo(date)] ?? words;
}

const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);

export function dayTitle(ts) {
  const date = dateOf(ts);
  const year = date.getFullYear() === new Date().getFullYear() ? "" : `, ${date.getFullYear()}`;
  const long = `${part(date, { weekday: "long" })}, ${part(date, { month: "long" })} ${ordinal(date.getDate())}${year}`;
  return capital(pretty(date, long));
}

export function fullTime(ts) {
  const date = dateOf(ts);
  return `${capital(pretty(date, `${part(date, { month: "short" })} ${ordinal(date.getDate())}`))} at ${clockSeconds.format(date)}`;
}

export function agoTitle(ts) {
  const date = dateOf(ts);
  const days = daysAgo(date);
  if (days === 0) return `today at ${clock.format(date)}`;
  if (days === 1) return `yesterday at ${clock.format(date)}`;
  return days < 30 ? `${days} days ago` : part(date, { month: "short", day: "numeric", year: "numeric" });
}

// `<!date^seconds^format^link|fallback>`: https://docs.slack.dev/messaging/formatting-message-text#date-formatting
export function dateToken(seconds, format) {
  const date = dateOf(seconds);
  const long = `${part(date, { weekday: "long" })}, ${part(date, { month: "long" })} ${ordinal(date.getDate())}, ${date.getFullYear()}`;
  const medium = `${part(date, { month: "long" })} ${ordinal(date.getDate())}, ${date.getFullYear()}`;
  const short = part(date, { month: "short", day: "numeric", year: "numeric" });
  const values = {
    date_num: `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`,
    date_slash: part(date, { month: "2-digit", day: "2-digit", year: "numeric" }),
    date_long_pretty: pretty(date, long),
    date_short_pretty: pretty(date, short),
    date_pretty: pretty(date, medium),
    date_long_full: long,
    date_long: long,
    date_short: short,
    date: medium,
    day_divider_pretty: dayTitle(seconds),
    time_secs: clockSeconds.format(date),
    time: clock.format(date),
    ago: agoTitle(seconds),
  };
  return capital(format.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole));
}

export function clipTime(seconds) {
  const whole = Math.max(0, Math.round(Number.isFinite(seconds) ? seconds : 0));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
