// SPDX-License-Identifier: Apache-2.0
package auditbus.streams.job;

import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;

/**
 * Makes the processors of one kind, and the store of bytes by name that is theirs.
 *
 * <p>The store is cached: what changes with every record writes one changelog record a commit.
 *
 * <p>Thread-safe: immutable.
 *
 * @param <I> what the processors take
 * @param <O> what they say
 */
public final class StoredProcessors<I, O> implements ProcessorSupplier<byte[], I, String, O> {
  private final String store;
  private final Supplier<Processor<byte[], I, String, O>> processors;

  /**
   * Makes it.
   *
   * @param store the store's name, one of its own in the topology
   * @param processors makes a new processor at each call
   */
  public StoredProcessors(String store, Supplier<Processor<byte[], I, String, O>> processors) {
    this.store = store;
    this.processors = processors;
  }

  @Override
  public Processor<byte[], I, String, O> get() {
    return processors.get();
  }

  @Override
  public Set<StoreBuilder<?>> stores() {
    return Set.of(
        Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(store), Serdes.String(), Serdes.ByteArray())
            .withCachingEnabled());
  }
}
