// The queries about publications and the tables that they can contain.

const HAS_IDENTITY = `CASE %.relreplident WHEN 'f' THEN true WHEN 'n' THEN false
    WHEN 'i' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = %.oid AND i.indisreplident AND i.indisvalid)
    ELSE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = %.oid AND i.indisprimary AND i.indimmediate) END`;

/** All tables that a publication can contain. A partitioned table has an identity when all of its partitions have one. */
export const CANDIDATES = `SELECT c.oid, n.nspname AS schema, c.relname AS name,
    coalesce(CASE WHEN c.relispartition THEN pg_partition_root(c.oid) END::oid, c.oid) AS root,
    CASE c.relkind WHEN 'r' THEN ${HAS_IDENTITY.replaceAll("%", "c")}
      ELSE NOT EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
        WHERE t.isleaf AND l.relkind = 'r' AND NOT (${HAS_IDENTITY.replaceAll("%", "l")})) END AS has_identity
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg\\_%'
  ORDER BY n.nspname, c.relname`;

/** Tables without a key come first: their changes are not written until they are read. */
const HAS_KEY = `EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
    AND i.indpred IS NULL AND i.indexprs IS NULL)`;

/**
 * The tables of publications. The columns of `pg_publication_tables` are new in PostgreSQL 15; before, a publication has all columns
 * that are not generated, and all rows. PostgreSQL 15 lists generated columns, and does not publish them.
 *
 * @param version such as 150018
 */
export const publishedTables = (version: number): string => {
  const isNew = version >= 150_000;
  return `SELECT c.oid, n.nspname, c.relname, c.relkind, json_agg(t.pubname) AS publications,
    (SELECT string_agg(m.oid::text, ',' ORDER BY m.oid) FROM pg_publication_rel m JOIN pg_publication p ON p.oid = m.prpubid
     WHERE m.prrelid = c.oid AND p.pubname = ANY($1::name[])) AS members,
    (SELECT format('%s.%s', m.nspname, r.relname) FROM pg_class r JOIN pg_namespace m ON m.oid = r.relnamespace
     WHERE c.relispartition AND r.oid = pg_partition_root(c.oid)) AS root,
    (SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       ${isNew ? "AND a.attname = ANY(min(t.attnames))" : ""} ${version < 160_000 ? "AND a.attgenerated = ''" : ""}) AS columns,
    ${isNew ? "json_agg(t.rowfilter) FILTER (WHERE t.rowfilter IS NOT NULL)" : "NULL"} AS filters
  FROM pg_publication_tables t JOIN pg_namespace n ON n.nspname = t.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
  WHERE t.pubname = ANY($1::name[]) GROUP BY c.oid, n.nspname, c.relname, c.relkind, c.relispartition ORDER BY ${HAS_KEY}, n.nspname, c.relname`;
};
