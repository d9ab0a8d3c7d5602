// Targets from pasted text.
//
// Owns: what a line may look like, and the words for one that is wrong. Nothing is sent while one is.

const COLUMNS = ["symbol", "quantity", "limit_price", "expected_price", "tolerance_pct"];
const WHOLE = /^[+-]?\d+(\.0*)?$/;
const THOUSANDS = /^[+-]?\d{1,3}(,\d{3})+(\.\d*)?$/;
const NUMBER = /^\d+(\.\d+)?$/;

/** Return { orders, errors }: what the text asks for, and each bad line in words. */
export function parseTargets(text) {
  const lines = text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\r|\n/)
    .map((line, index) => ({ number: index + 1, cells: cellsOf(line) }))
    .filter(({ cells }) => cells.some((cell) => cell !== "") && !cells[0].startsWith("#"));
  const errors = [];
  const orders = [];
  let columns = COLUMNS;
  if (lines.length && lines[0].cells[0].toLowerCase() === "symbol") {
    columns = lines.shift().cells.map((cell) => cell.toLowerCase().replaceAll(" ", "_"));
    for (const name of columns.filter((cell) => cell && !COLUMNS.includes(cell))) {
      errors.push(`The column "${name}" is not known; use ${COLUMNS.join(", ")}.`);
    }
    if (!columns.includes("quantity")) errors.push('The column "quantity" is missing.');
  }
  for (const { number, cells } of errors.length ? [] : lines) {
    const { order, error } = orderOf(columns, cells);
    if (error) errors.push(`Line ${number}: ${error}.`);
    else orders.push(order);
  }
  return { orders, errors };
}

function orderOf(columns, cells) {
  if (cells.length > columns.length) return { error: "there are more cells than columns" };
  const order = {};
  for (const [index, name] of columns.entries()) {
    const cell = cells[index] ?? "";
    if (name === "symbol") {
      if (!cell) return { error: "the symbol is missing" };
      order.symbol = cell.toUpperCase();
    } else if (name === "quantity") {
      const plain = THOUSANDS.test(cell) ? cell.replaceAll(",", "") : cell;
      if (!WHOLE.test(plain)) return { error: `"${cell}" is not a whole number of shares` };
      order.quantity = Number.parseInt(plain, 10);
    } else if (cell) {
      if (!NUMBER.test(cell)) return { error: `"${cell}" is not a ${name.replaceAll("_", " ")}` };
      order[name] = Number(cell);
    }
  }
  return { order };
}

/** Split a line at commas, semicolons or tabs; quotes keep a comma within. */
function cellsOf(line) {
  const separator = /[\t;]/.exec(line)?.[0] ?? ",";
  const cells = [];
  let cell = "";
  let quoted = false;
  for (const character of line) {
    if (character === '"') quoted = !quoted;
    else if (character === separator && !quoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += character;
  }
  cells.push(cell.trim());
  return cells;
}

/** Write targets as text that `parseTargets` reads, with the columns that any of them has. */
export function writeTargets(orders) {
  const names = COLUMNS.filter((name) => orders.some((order) => (order[name] ?? null) !== null));
  return [names, ...orders.map((order) => names.map((name) => order[name] ?? ""))].join("\n");
}
