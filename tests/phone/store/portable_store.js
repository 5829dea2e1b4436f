// A personal store written and read by another language and an old SQLite, as export/BUNDLE.md describes it.
//   node portable_store.js PACKAGE write|read|types FILE SCHEMA [KEY]
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const v8 = require('v8');

v8.setFlagsFromString('--no-validate-asm');  // the oldest release is asm.js: run as any script, it starts at once

const [packageFolder, task, file, schemaFile, keyText] = process.argv.slice(2);
const key = keyText ? Buffer.from(keyText, 'hex') : null;
const SIZE = 8;

async function openSqlite() {
  const dist = path.join(packageFolder, 'dist');
  if (!fs.existsSync(dist)) return require(path.join(packageFolder, 'js', 'sql.js'));
  const wasmBinary = fs.readFileSync(path.join(dist, 'sql-wasm.wasm'));
  return require(path.join(dist, 'sql-wasm.js'))({ wasmBinary });
}

class Blobs {
  constructor(storeId) { this.storeId = storeId; }

  place(...fields) {
    const shown = fields.map((field) => (field === null ? '' : String(field)));
    return Buffer.from(['pen-mobile store 4', this.storeId, ...shown].join('\n'));
  }

  seal(blob, ...fields) {
    const place = this.place(...fields);
    if (key === null) return Buffer.concat([blob, checksum(place, blob)]);
    return sealWith(blob, place);
  }

  open(stored, ...fields) {
    const place = this.place(...fields);
    const tag = stored.subarray(-16);
    if (key === null) {
      const blob = stored.subarray(0, -16);
      if (!checksum(place, blob).equals(tag)) throw new Error(`${fields.join(' ')} is damaged`);
      return blob;
    }
    const cipher = crypto.createDecipheriv('aes-256-gcm', key, stored.subarray(0, 12));
    cipher.setAAD(place);
    cipher.setAuthTag(tag);
    return Buffer.concat([cipher.update(stored.subarray(12, -16)), cipher.final()]);
  }
}

function checksum(place, blob) {
  return crypto.createHash('sha256').update(place).update(Buffer.from([0])).update(blob).digest().subarray(0, 16);
}

function sealWith(blob, place) {
  const nonce = crypto.randomBytes(12);
  const cipher = crypto.createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(place);
  return Buffer.concat([nonce, cipher.update(blob), cipher.final(), cipher.getAuthTag()]);
}

function derived(label) {
  return crypto.createHmac('sha256', key).update(label).digest();
}

function rowHash(kind, row, record) {
  const name = Buffer.concat([Buffer.from(`${kind}\n${row}\n`), record.subarray(-16)]);
  if (key === null) return crypto.createHash('sha256').update(name).digest();
  return crypto.createHmac('sha256', derived('pen-mobile rows')).update(name).digest();
}

function momentOf(storeId, feature) {
  const content = Buffer.concat([Buffer.from(storeId), feature]);
  if (key === null) return crypto.createHash('sha256').update(content).digest('hex');
  return crypto.createHmac('sha256', derived('pen-mobile moment')).update(content).digest('hex');
}

function statePlace(row) {
  return ['state', row.backbone, row.feature_size, row.targets, row.head_bytes, row.head, row.model, row.serial,
    row.generation, row.deleting];
}

function rowsOf(db, sql) {
  return db.exec(sql).flatMap((part) => part.values.map((values) => Object.fromEntries(
    part.columns.map((name, at) => [name, values[at] instanceof Uint8Array ? Buffer.from(values[at]) : values[at]]))));
}

function makeTables(db) {
  // as a reader does that splits at semicolons and runs one statement at a time
  for (const statement of fs.readFileSync(schemaFile, 'utf8').split(';')) {
    if (statement.trim()) db.run(statement);
  }
}

function sampleRecord(capturedAt, labels, origin) {
  const record = Buffer.alloc(24 + 4 * labels.length + origin.length);
  record.writeDoubleLE(capturedAt, 0);
  record.writeDoubleLE(capturedAt, 8);
  record.writeFloatLE(0.5, 16);
  record.writeUInt8(0, 20);
  record.writeUInt8(labels.length, 21);
  record.writeUInt16LE(origin.length, 22);
  labels.forEach((label, at) => record.writeFloatLE(label, 24 + 4 * at));
  record.write(origin, 24 + 4 * labels.length);
  return record;
}

function write(db) {
  makeTables(db);
  const storeId = crypto.randomBytes(16).toString('hex');
  const blobs = new Blobs(storeId);
  const rows = Buffer.alloc(32);
  const add = (kind, row, record) => {
    rowHash(kind, row, record).forEach((byte, at) => { rows[at] ^= byte; });
  };
  const binding = { backbone: 'b'.repeat(64), feature_size: SIZE, targets: '["valence", "arousal"]', head_bytes: 400,
    head: null, model: '', serial: 0, generation: 1, deleting: 0 };
  for (let id = 1; id <= 3; id += 1) {
    const feature = Buffer.alloc(4 * SIZE);
    for (let at = 0; at < SIZE; at += 1) feature.writeFloatLE(id + at / 8, 4 * at);
    const moment = momentOf(storeId, feature);
    const record = blobs.seal(sampleRecord(1000 + id, [id / 4, -id / 4], 'user'), 'sample', id, moment);
    db.run('UPDATE sample SET record = ? WHERE moment = ?', [record, moment]); // then INSERT: no upsert before 3.24
    db.run('INSERT INTO sample (id, moment, record, feature) VALUES (?, ?, ?, ?)',
      [id, moment, record, blobs.seal(feature, 'feature', id, moment, 0, 1)]);
    add('sample', id, record);
  }
  const parameters = Buffer.alloc(400, 7);
  const about = { strategy: 'ridge', created_at: 1004, bytes: 400, metrics: { reason: 'better' } };
  const head = blobs.seal(Buffer.from(JSON.stringify(about)), 'head_version', 1, null, 'active');
  db.run('INSERT INTO head_version (version, parent, status, record, parameters) VALUES (1, NULL, ?, ?, ?)',
    ['active', head, blobs.seal(parameters, 'parameters', 1, 0, 1)]);
  add('head_version', 1, head);
  const event = blobs.seal(Buffer.from(JSON.stringify({ at: 1005, kind: 'noted', detail: {} })), 'event', 1);
  db.run('INSERT INTO event (id, record) VALUES (1, ?)', [event]);
  add('event', 1, event);
  const state = { seen_at: 1005, doubt: null, rows: rows.toString('hex') };
  const keyCheck = key === null ? null : sealWith(Buffer.alloc(0), Buffer.from('pen-mobile personal store'));
  const columns = { store_id: storeId, key_check: keyCheck, ...binding,
    state: blobs.seal(Buffer.from(JSON.stringify(state)), ...statePlace(binding)) };
  db.run(`INSERT INTO bundle_binding (only, ${Object.keys(columns).join(', ')}) ` +
    `VALUES (1${', ?'.repeat(Object.keys(columns).length)})`, Object.values(columns));
  fs.writeFileSync(file, Buffer.from(db.export()));
  return {};
}

function read(db) {
  const [binding] = rowsOf(db, 'SELECT * FROM bundle_binding');
  const blobs = new Blobs(binding.store_id);
  const state = JSON.parse(blobs.open(binding.state, ...statePlace(binding)));
  const count = JSON.parse(binding.targets).length;
  const samples = rowsOf(db, 'SELECT * FROM sample ORDER BY id').map((row) => {
    const record = blobs.open(row.record, 'sample', row.id, row.moment);
    const feature = blobs.open(row.feature, 'feature', row.id, row.moment, 0, 1);
    const labels = [];
    for (let at = 0; at < count; at += 1) labels.push(record.readFloatLE(24 + 4 * at));
    return { captured_at: record.readDoubleLE(0), labels, feature: feature.toString('hex') };
  });
  const heads = rowsOf(db, 'SELECT * FROM head_version ORDER BY version').map((row) => {
    const about = JSON.parse(blobs.open(row.record, 'head_version', row.version, row.parent, row.status));
    const kept = about.bytes === null ? null : blobs.open(row.parameters, 'parameters', row.version, 0, 1);
    return { version: row.version, status: row.status, reason: about.metrics.reason,
      parameters: kept && kept.toString('hex') };
  });
  const events = rowsOf(db, 'SELECT * FROM event ORDER BY id')
    .map((row) => JSON.parse(blobs.open(row.record, 'event', row.id)).kind);
  checkRows(db, state.rows);
  return { samples, heads, events };
}

function checkRows(db, expected) {
  const found = Buffer.alloc(32);
  for (const [table, column] of [['sample', 'id'], ['head_version', 'version'], ['checkpoint', 'only'], ['event', 'id']]) {
    for (const row of rowsOf(db, `SELECT ${column} AS row, record FROM ${table}`)) {
      rowHash(table, row.row, row.record).forEach((byte, at) => { found[at] ^= byte; });
    }
  }
  if (found.toString('hex') !== expected) throw new Error('rows were changed');
}

function types(db) {
  makeTables(db);
  const blob = "x'00'";
  const moment = `'${'m'.repeat(64)}'`;
  const wrong = [
    `INSERT INTO sample VALUES (1, 5, ${blob}, ${blob})`,
    `INSERT INTO sample VALUES (1, ${moment}, 'text', ${blob})`,
    `INSERT INTO sample VALUES (1, ${moment}, ${blob}, 0.5)`,
    `INSERT INTO sample VALUES ('one', ${moment}, ${blob}, ${blob})`,
    `INSERT INTO head_version VALUES (1, NULL, 'odd', ${blob}, NULL)`,
    `INSERT INTO head_version VALUES (1, NULL, 'active', ${blob}, NULL)`,
    `INSERT INTO head_version VALUES (1, NULL, 'active', 'text', ${blob})`,
    `INSERT INTO head_version VALUES (1, NULL, 'active', ${blob}, 5)`,
    `INSERT INTO event VALUES (1, 'text')`,
    `INSERT INTO checkpoint VALUES (2, ${blob}, ${blob})`,
    `INSERT INTO piece VALUES ('feature', 'one', 1, ${blob})`,
    `INSERT INTO piece VALUES ('feature', 1, 0, ${blob})`,
  ];
  const right = [
    `INSERT INTO sample VALUES (1, ${moment}, ${blob}, ${blob})`,
    `INSERT INTO head_version VALUES (1, NULL, 'active', ${blob}, ${blob})`,
    `INSERT INTO event VALUES (1, ${blob})`,
    `INSERT INTO piece VALUES ('feature', 1, 1, ${blob})`,
  ];
  const accepted = (sql) => { try { db.run(sql); return true; } catch (error) { return false; } };
  return { wrong_accepted: wrong.filter(accepted), right_refused: right.filter((sql) => !accepted(sql)) };
}

openSqlite().then((SQL) => {
  const db = task === 'read' ? new SQL.Database(fs.readFileSync(file)) : new SQL.Database();
  const version = db.exec('SELECT sqlite_version()')[0].values[0][0];
  console.log(JSON.stringify({ version, ...{ write, read, types }[task](db) }));
});
