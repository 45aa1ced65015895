// Geometric types, which Debezium writes as structs with Well-Known Binary (WKB).

import { floatJson } from "./numbers.ts";
import { UNAVAILABLE_BYTES } from "./unavailable.ts";

const COORDINATE = /[^()[\]{}<>,\s]+/g;
const LINE_STRING = 2;
const POLYGON = 3;

type Point = readonly [x: string, y: string];

/** JSON of a `point`. */
export const pointJson = (text: string): string => pointStruct(pointsOf(text)[0] ?? ["0", "0"]);

/** JSON of a `line`: its coefficients. */
export function lineJson(text: string): string {
  const [a = "0", b = "0", c = "0"] = numbersOf(text);
  return `{"a":${floatJson(a)},"b":${floatJson(b)},"c":${floatJson(c)}}`;
}

/** JSON of a `circle`. */
export function circleJson(text: string): string {
  const [x = "0", y = "0", radius = "0"] = numbersOf(text);
  return `{"center":${pointStruct([x, y])},"radius":${floatJson(radius)}}`;
}

/** JSON of an `lseg`. */
export const lsegJson = (text: string): string =>
  geometryStruct(base64(LINE_STRING, pointsOf(text)), '"type":"lseg"');

/** JSON of a `box`: a ring through its corners. */
export function boxJson(text: string): string {
  const [[x1, y1] = ["0", "0"], [x2, y2] = ["0", "0"]] = pointsOf(text);
  const ring: Point[] = [
    [x1, y1],
    [x1, y2],
    [x2, y2],
    [x2, y1],
    [x1, y1],
  ];
  return geometryStruct(base64(POLYGON, ring), '"type":"box"');
}

/** JSON of a `path`: PostgreSQL writes an open one in brackets. */
export const pathJson = (text: string): string =>
  geometryStruct(base64(LINE_STRING, pointsOf(text)), `"type":"path","closed":"${!text.startsWith("[")}"`);

/** JSON of a `polygon`: a ring that ends where it starts. */
export function polygonJson(text: string): string {
  const ring = pointsOf(text);
  const [first, last] = [ring[0], ring.at(-1)];
  const isClosed = Number(first?.[0]) === Number(last?.[0]) && Number(first?.[1]) === Number(last?.[1]);
  if (first && ring.length > 1 && !isClosed) ring.push(first);
  return geometryStruct(base64(POLYGON, ring), '"type":"polygon"');
}

/** The JSON that stands for an unchanged TOAST value of a `path` or `polygon`. */
export const unavailableGeometry = (type: string): string =>
  geometryStruct(UNAVAILABLE_BYTES, `"type":"${type}"`);

const pointStruct = ([x, y]: Point): string =>
  `{"x":${floatJson(x)},"y":${floatJson(y)},"wkb":${base64(1, [[x, y]])},"srid":null}`;

const geometryStruct = (wkb: string, extensions: string): string =>
  `{"wkb":${wkb},"srid":null,"extensions":{${extensions}}}`;

const numbersOf = (text: string): string[] => text.match(COORDINATE) ?? [];

function pointsOf(text: string): Point[] {
  const numbers = numbersOf(text);
  return Array.from({ length: numbers.length / 2 }, (_, at) => [
    numbers[at * 2] ?? "0",
    numbers[at * 2 + 1] ?? "0",
  ]);
}

/** WKB in little-endian order: a point, a line string, or a polygon of one ring. */
function base64(type: number, points: readonly Point[]): string {
  const counts = type === POLYGON ? [1, points.length] : type === LINE_STRING ? [points.length] : [];
  const wkb = Buffer.alloc(5 + counts.length * 4 + points.length * 16);
  wkb.writeUInt8(1);
  let at = wkb.writeUInt32LE(type, 1);
  for (const count of counts) at = wkb.writeUInt32LE(count, at);
  for (const number of points.flat()) at = wkb.writeDoubleLE(Number(number), at);
  return `"${wkb.toString("base64")}"`;
}
