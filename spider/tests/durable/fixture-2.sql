PRAGMA application_id = 1936288875;
PRAGMA user_version = 2;
CREATE TABLE counts (
        only INTEGER PRIMARY KEY CHECK (only = 0),
        next INTEGER NOT NULL, pending INTEGER NOT NULL, pages INTEGER NOT NULL, items INTEGER NOT NULL
    );
INSERT INTO counts VALUES (0, 16, 8, 2, 2);
CREATE TABLE item (number INTEGER PRIMARY KEY, json TEXT NOT NULL);
INSERT INTO item VALUES (0, '["http://a.test/","List"]');
INSERT INTO item VALUES (1, '["http://c.test/climbs","List"]');
CREATE TABLE queue (
        lane TEXT NOT NULL, urgency INTEGER NOT NULL, turn INTEGER NOT NULL, record BLOB NOT NULL,
        PRIMARY KEY (lane, urgency, turn)
    ) WITHOUT ROWID;
INSERT INTO queue VALUES ('lower http://a.test', -9, 10, X'0801000112687474703a2f2f612e746573742f627573797b226d6574686f64223a22474554222c2275726c223a22687474703a2f2f612e746573742f62757379222c2268656164657273223a5b5b2272656665726572222c22687474703a2f2f612e746573742f225d5d7d'); -- .....http://a.test/busy{"method":"GET","url":"http://a.test/busy","headers":[["referer","http://a.test/"]]}
INSERT INTO queue VALUES ('lower http://a.test', 1, 6, X'0601000015687474703a2f2f612e746573742f70726f647563740e001b7b2250726f64756374223a7b226c69737465645f6f6e223a377d7d'); -- .....http://a.test/product...{"Product":{"listed_on":7}}
INSERT INTO queue VALUES ('third http://a.test', 0, 5, X'0301000013687474703a2f2f612e746573742f706c61696e0574686972640e00'); -- .....http://a.test/plain.third..
INSERT INTO queue VALUES ('third http://a.test', 0, 9, X'0d01000012687474703a2f2f612e746573742f666f726d0574686972641b7b2250726f64756374223a7b226c69737465645f6f6e223a387d7d7b226d6574686f64223a22504f5354222c2275726c223a22687474703a2f2f612e746573742f666f726d222c2268656164657273223a5b5b22782d6f6e65222c2231225d5d2c22626f6479223a7b22626173653634223a2259543078227d2c2273657373696f6e223a227468697264222c226d657461223a7b2270616765223a3330307d7d'); -- .....http://a.test/form.third.{"Product":{"listed_on":8}}{"method":"POST","url":"http://a.test/form","headers":[["x-one","1"]],"body":{"base64":"YT0x"},"session":"third","meta":{"page":300}}
INSERT INTO queue VALUES ('third http://a.test', 2, 1, X'1101000013687474703a2f2f612e746573742f616761696e057468697264'); -- .....http://a.test/again.third
INSERT INTO queue VALUES ('upper http://a.test', 0, 8, X'0301000013687474703a2f2f612e746573742f61626f76650575707065720e00'); -- .....http://a.test/above.upper..
INSERT INTO queue VALUES ('upper http://c.test', 0, 15, X'2301000013687474703a2f2f632e746573742f6c617465720575707065720707612e746573742f507b2266726f6d223a226c6f776572222c22726561736f6e223a7b22737461747573223a3430317d2c2272656d656d6265726564223a747275652c22726574726965645f6c6f776572223a66616c73657d'); -- #....http://c.test/later.upper..a.test/P{"from":"lower","reason":{"status":401},"remembered":true,"retried_lower":false}
INSERT INTO queue VALUES ('upper http://d.test', -7, 14, X'2901000013687474703a2f2f642e746573742f68616e6773057570706572517b2266726f6d223a226c6f776572222c22726561736f6e223a7b22737461747573223a3430317d2c2272656d656d6265726564223a66616c73652c22726574726965645f6c6f776572223a66616c73657d7b226d6574686f64223a22474554222c2275726c223a22687474703a2f2f642e746573742f68616e6773222c2268656164657273223a5b5b2272656665726572222c22687474703a2f2f612e746573742f225d5d2c2273657373696f6e223a227570706572227d'); -- )....http://d.test/hangs.upperQ{"from":"lower","reason":{"status":401},"remembered":false,"retried_lower":false}{"method":"GET","url":"http://d.test/hangs","headers":[["referer","http://a.test/"]],"session":"upper"}
CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
INSERT INTO seen VALUES (X'0b9d61d4875b2ea90bb591f101c412c3');
INSERT INTO seen VALUES (X'2931f1c9811e89ff3aa72d7d89e543a7');
INSERT INTO seen VALUES (X'296fd51c52e74a630158d24cbcc79dd3');
INSERT INTO seen VALUES (X'49e1dee8ead6818cce079f8168906268');
INSERT INTO seen VALUES (X'524d9762b3c1ff61e3331adcf32bb622');
INSERT INTO seen VALUES (X'8363a7fb78c324ba1e507f411b72e0a6');
INSERT INTO seen VALUES (X'ac57d524ff48e152e38c1f5329880ca2');
INSERT INTO seen VALUES (X'cc508ea04eca59b905ef73d3e68a9cb5');
INSERT INTO seen VALUES (X'e403164d95845e7b5aa1049d6b50ebb9');
INSERT INTO seen VALUES (X'e4725d330ccbf603cc750f7f04be0366');
CREATE TABLE start (key BLOB PRIMARY KEY, kept INTEGER NOT NULL, given INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE value (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO value VALUES ('arguments', CAST('{}' AS BLOB));
INSERT INTO value VALUES ('default step', CAST('"List"' AS BLOB));
INSERT INTO value VALUES ('hosts', CAST('[]' AS BLOB));
INSERT INTO value VALUES ('ladder', CAST('{"hosts":[["http://c.test",{"session":"upper","reason":{"status":401},"requests":1,"tries":0}]],"guises":[]}' AS BLOB));
INSERT INTO value VALUES ('order', CAST('breadth first' AS BLOB));
INSERT INTO value VALUES ('session/lower', CAST('{"cookies":[],"origins":[{"origin":"http://a.test","localStorage":[]}]}' AS BLOB));
INSERT INTO value VALUES ('session/third', CAST('{"cookies":[],"origins":[{"origin":"http://a.test","localStorage":[]}]}' AS BLOB));
INSERT INTO value VALUES ('session/upper', CAST('{"cookies":[],"origins":[{"origin":"http://a.test","localStorage":[]}]}' AS BLOB));
INSERT INTO value VALUES ('spider', CAST('fixture' AS BLOB));
INSERT INTO value VALUES ('start urls', CAST('0298d1b211817128ab1e060676105177' AS BLOB));
INSERT INTO value VALUES ('starts', CAST('{"taken":1,"done":true}' AS BLOB));
INSERT INTO value VALUES ('stats', CAST('{"stats":{"requests":5,"responses":5,"pages":2,"pages_before":0,"failed":0,"retries":3,"cache_hits":0,"cache_misses":0,"blocked":3,"gave_up_blocked":0,"escalations":{"lower -> upper: status 401":2},"offsite":0,"duplicates":0,"too_deep":0,"robots_disallowed":0,"items":2,"items_dropped":0,"items_failed":0,"parse_errors":0,"hook_errors":0,"response_bytes":0,"status":{"200":2,"401":2,"503":1},"sessions":{"lower":{"requests":4,"failed":0,"blocked":3,"bytes":0,"latency":{"count":4,"mean_ms":0.0,"p50_ms":0.0,"p90_ms":0.0,"p99_ms":0.0,"max_ms":0.0}},"upper":{"requests":1,"failed":0,"blocked":0,"bytes":0,"latency":{"count":1,"mean_ms":0.0,"p50_ms":0.0,"p90_ms":0.0,"p99_ms":0.0,"max_ms":0.0}}},"hosts":{"http://a.test":{"requests":2,"failed":0,"blocked":1,"bytes":0,"latency":{"count":2,"mean_ms":0.0,"p50_ms":0.0,"p90_ms":0.0,"p99_ms":0.0,"max_ms":0.0}},"http://c.test":{"requests":2,"failed":0,"blocked":1,"bytes":0,"latency":{"count":2,"mean_ms":0.0,"p50_ms":0.0,"p90_ms":0.0,"p99_ms":0.0,"max_ms":0.0}},"http://d.test":{"requests":1,"failed":0,"blocked":1,"bytes":0,"latency":{"count":1,"mean_ms":0.0,"p50_ms":0.0,"p90_ms":0.0,"p99_ms":0.0,"max_ms":0.0}}},"proxies":{},"custom":{"lists":1},"throttle_delays":{},"concurrency":8,"host_concurrency":null,"download_delay":0.0,"throttled":false,"started_at":1795313834.973988,"elapsed":0.007},"sessions":{"lower":{"count":4,"sum":{"secs":0,"nanos":0},"max":{"secs":0,"nanos":0},"buckets":[[0,4]]},"upper":{"count":1,"sum":{"secs":0,"nanos":0},"max":{"secs":0,"nanos":0},"buckets":[[0,1]]}},"hosts":{"http://a.test":{"count":2,"sum":{"secs":0,"nanos":0},"max":{"secs":0,"nanos":0},"buckets":[[0,2]]},"http://c.test":{"count":2,"sum":{"secs":0,"nanos":0},"max":{"secs":0,"nanos":0},"buckets":[[0,2]]},"http://d.test":{"count":1,"sum":{"secs":0,"nanos":0},"max":{"secs":0,"nanos":0},"buckets":[[0,1]]}},"proxies":{}}' AS BLOB));
