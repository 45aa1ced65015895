// The types that every PostgreSQL has. Their oids are the same in every version and database.

import type { PgType } from "./types.ts";

/** The oid of a type and the oid of its array, by name. */
type Oids = Readonly<Record<string, readonly [oid: number, array: number]>>;

const BASES: Oids = {
  bool: [16, 1000],
  bytea: [17, 1001],
  char: [18, 1002],
  name: [19, 1003],
  int8: [20, 1016],
  int2: [21, 1005],
  int4: [23, 1007],
  regproc: [24, 1008],
  text: [25, 1009],
  oid: [26, 1028],
  tid: [27, 1010],
  xid: [28, 1011],
  cid: [29, 1012],
  json: [114, 199],
  xml: [142, 143],
  point: [600, 1017],
  lseg: [601, 1018],
  path: [602, 1019],
  box: [603, 1020],
  polygon: [604, 1027],
  line: [628, 629],
  cidr: [650, 651],
  float4: [700, 1021],
  float8: [701, 1022],
  circle: [718, 719],
  macaddr8: [774, 775],
  money: [790, 791],
  macaddr: [829, 1040],
  inet: [869, 1041],
  aclitem: [1033, 1034],
  bpchar: [1042, 1014],
  varchar: [1043, 1015],
  date: [1082, 1182],
  time: [1083, 1183],
  timestamp: [1114, 1115],
  timestamptz: [1184, 1185],
  interval: [1186, 1187],
  timetz: [1266, 1270],
  bit: [1560, 1561],
  varbit: [1562, 1563],
  numeric: [1700, 1231],
  refcursor: [1790, 2201],
  regprocedure: [2202, 2207],
  regoper: [2203, 2208],
  regoperator: [2204, 2209],
  regclass: [2205, 2210],
  regtype: [2206, 2211],
  uuid: [2950, 2951],
  txid_snapshot: [2970, 2949],
  pg_lsn: [3220, 3221],
  tsvector: [3614, 3643],
  tsquery: [3615, 3645],
  regconfig: [3734, 3735],
  regdictionary: [3769, 3770],
  jsonb: [3802, 3807],
  jsonpath: [4072, 4073],
  regnamespace: [4089, 4090],
  regrole: [4096, 4097],
  regcollation: [4191, 4192],
  pg_snapshot: [5038, 5039],
  xid8: [5069, 271],
};

const RANGES: Oids = {
  int4range: [3904, 3905],
  numrange: [3906, 3907],
  tsrange: [3908, 3909],
  tstzrange: [3910, 3911],
  daterange: [3912, 3913],
  int8range: [3926, 3927],
};

const MULTIRANGES: Oids = {
  int4multirange: [4451, 6150],
  nummultirange: [4532, 6151],
  tsmultirange: [4533, 6152],
  tstzmultirange: [4534, 6153],
  datemultirange: [4535, 6155],
  int8multirange: [4536, 6157],
};

const TYPES: ReadonlyMap<number, PgType> = new Map([
  ...typesOf("base", BASES),
  ...typesOf("range", RANGES),
  ...typesOf("multirange", MULTIRANGES),
  ...vector("int2vector", 22, "int2", 21, 1006),
  ...vector("oidvector", 30, "oid", 26, 1013),
]);

/** Returns the built-in type with that oid, or undefined for a type that the catalog must describe. */
export const builtinType = (oid: number): PgType | undefined => TYPES.get(oid);

function typesOf(kind: PgType["kind"], oids: Oids): [number, PgType][] {
  return Object.entries(oids).flatMap(([name, [oid, array]]) => withArray({ oid, name, kind }, array));
}

function vector(name: string, oid: number, elementName: string, elementOid: number, array: number) {
  const element: PgType = { oid: elementOid, name: elementName, kind: "base" };
  return withArray({ oid, name, kind: "base", element, delimiter: "," }, array);
}

function withArray(element: PgType, oid: number): [number, PgType][] {
  const delimiter = element.name === "box" ? ";" : ",";
  return [
    [element.oid, element],
    [oid, { oid, name: `_${element.name}`, kind: "base", element, delimiter }],
  ];
}
