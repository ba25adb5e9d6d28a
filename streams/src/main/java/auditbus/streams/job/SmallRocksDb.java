// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.WriteBufferManager;

/**
 * Bounds what all state stores of the process use off the heap: one cache of 32 MiB, of which write
 * buffers take at most half, whatever the number of jobs, hosts and partitions.
 *
 * <p>Public because Kafka Streams makes it by its name. Thread-safe: stateless but for what is
 * shared on purpose.
 */
public final class SmallRocksDb implements RocksDBConfigSetter {
  private static final long CACHE_BYTES = 32L * 1024 * 1024;
  private static final long WRITE_BUFFER_BYTES = 2L * 1024 * 1024;

  // Shared by every store and never closed: RocksDB counts its users itself.
  private static final class Shared {
    static final Cache CACHE = new LRUCache(CACHE_BYTES);
    static final WriteBufferManager WRITE_BUFFERS = new WriteBufferManager(CACHE_BYTES / 2, CACHE);
  }

  @Override
  public void setConfig(String store, Options options, Map<String, Object> configs) {
    BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
    table.setBlockCache(Shared.CACHE);
    table.setCacheIndexAndFilterBlocks(true);
    options.setTableFormatConfig(table);
    options.setWriteBufferManager(Shared.WRITE_BUFFERS);
    options.setWriteBufferSize(WRITE_BUFFER_BYTES);
    options.setMaxWriteBufferNumber(2);
    options.setMaxOpenFiles(64);
  }

  @Override
  public void close(String store, Options options) {}
}
