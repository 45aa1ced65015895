// Geometric types.

import { strict as assert } from "node:assert";
import { codecOf } from "../../../../src/sources/postgres/values/codec.ts";
import { jsonOf, typeNamed } from "./named-types.ts";

/** Reads WKB of one list of points. */
function readWkb(json: string): { type: number; counts: number[]; points: number[] } {
  const wkb = Buffer.from(JSON.parse(json).wkb, "base64");
  assert.equal(wkb[0], 1, "little-endian");
  const type = wkb.readUInt32LE(1);
  const start = type === 3 ? 13 : 9;
  const counts = Array.from({ length: (start - 5) / 4 }, (_, at) => wkb.readUInt32LE(5 + at * 4));
  const points = Array.from({ length: (wkb.length - start) / 8 }, (_, at) =>
    wkb.readDoubleLE(start + at * 8),
  );
  return { type, counts, points };
}

describe("sources: postgres values, geometry", () => {
  it("writes a point as its coordinates and as WKB", () => {
    assert.equal(
      jsonOf("point", "(1.5,-2.25)"),
      '{"x":1.5,"y":-2.25,"wkb":"AQEAAAAAAAAAAAD4PwAAAAAAAALA","srid":null}',
    );
    assert.equal(
      jsonOf("point", "(-Infinity,NaN)"),
      '{"x":"-Infinity","y":"NaN","wkb":"AQEAAAAAAAAAAADw/wAAAAAAAPh/","srid":null}',
    );
  });

  it("writes a line as its coefficients", () => {
    assert.equal(jsonOf("line", "{1,-2.5,1e+30}"), '{"a":1.0,"b":-2.5,"c":1e+30}');
  });

  it("writes a circle as its center and radius", () => {
    assert.equal(
      jsonOf("circle", "<(1,2),3>"),
      '{"center":{"x":1.0,"y":2.0,"wkb":"AQEAAAAAAAAAAADwPwAAAAAAAABA","srid":null},"radius":3.0}',
    );
  });

  it("writes a box as a ring through its corners", () => {
    const json = jsonOf("box", "(3,4),(1,2)");
    assert.deepEqual(readWkb(json), { type: 3, counts: [1, 5], points: [3, 4, 3, 2, 1, 2, 1, 4, 3, 4] });
    assert.ok(json.endsWith(',"srid":null,"extensions":{"type":"box"}}'));
  });

  it("writes an lseg and a path as line strings", () => {
    const segment = jsonOf("lseg", "[(0,0),(1,2)]");
    assert.deepEqual(readWkb(segment), { type: 2, counts: [2], points: [0, 0, 1, 2] });
    assert.ok(segment.endsWith('"extensions":{"type":"lseg"}}'));
    const open = jsonOf("path", "[(0,0),(1,2),(3,4)]");
    assert.deepEqual(readWkb(open), { type: 2, counts: [3], points: [0, 0, 1, 2, 3, 4] });
    assert.ok(open.endsWith('"extensions":{"type":"path","closed":"false"}}'));
    assert.ok(jsonOf("path", "((0,0))").endsWith('"extensions":{"type":"path","closed":"true"}}'));
  });

  it("closes the ring of a polygon", () => {
    const open = readWkb(jsonOf("polygon", "((0,0),(1,1),(1,0))"));
    assert.deepEqual(open, { type: 3, counts: [1, 4], points: [0, 0, 1, 1, 1, 0, 0, 0] });
    assert.deepEqual(readWkb(jsonOf("polygon", "((0,0),(1,1),(1,0),(0,0))")), open);
    assert.deepEqual(readWkb(jsonOf("polygon", "((0,0))")), { type: 3, counts: [1, 1], points: [0, 0] });
  });

  it("has the schemas of Debezium's structs", () => {
    assert.equal(
      JSON.stringify(codecOf(typeNamed("path"), -1).schema),
      '{"type":"struct","fields":[{"type":"bytes","optional":false,"field":"wkb"},' +
        '{"type":"int32","optional":true,"field":"srid"},{"type":"map","keys":{"type":"string","optional":false},' +
        '"values":{"type":"string","optional":false},"optional":true,"field":"extensions"}],' +
        '"name":"io.debezium.data.geometry.Geometry","version":2,"doc":"Geometry"}',
    );
  });

  it("writes the placeholder of an unchanged TOAST value as WKB", () => {
    const { wkb, extensions } = JSON.parse(codecOf(typeNamed("polygon"), -1).unavailable);
    assert.equal(Buffer.from(wkb, "base64").toString(), "__debezium_unavailable_value");
    assert.deepEqual(extensions, { type: "polygon" });
  });
});
