// SPDX-License-Identifier: Apache-2.0
package auditbus.standalone;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import kafka.server.BrokerServer;
import kafka.server.ControllerServer;
import kafka.server.KafkaConfig;
import kafka.server.KafkaRaftServer;
import kafka.server.Server;
import kafka.server.SharedServer;
import kafka.server.StandardFaultHandlerFactory;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.metadata.KRaftMetadataCache;
import org.apache.kafka.metadata.bootstrap.BootstrapMetadata;
import org.apache.kafka.metadata.properties.MetaPropertiesEnsemble;
import org.apache.kafka.raft.QuorumConfig;
import org.apache.kafka.server.ServerSocketFactory;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Tuple2;

/**
 * Controller and broker of one process, as KafkaRaftServer has them; but the broker is started only
 * when the controller has given up the one that was killed. Until then the metadata name the broker
 * as the leader of everything while it is none, and a transaction that it was committing can be
 * lost in between.
 *
 * <p>Not thread-safe, but for {@link #shutdown}.
 */
final class KafkaNode {
  private static final Logger LOG = LoggerFactory.getLogger(KafkaNode.class);
  private static final long LOOK_MILLIS = 10;

  private final int id;
  private final ControllerServer controller;
  private final BrokerServer broker;
  private volatile boolean stopping;

  /**
   * Opens the node's directories; starts nothing.
   *
   * @param config of a node that is broker and controller
   */
  KafkaNode(KafkaConfig config) {
    id = config.nodeId();
    Tuple2<MetaPropertiesEnsemble, BootstrapMetadata> directories =
        KafkaRaftServer.initializeLogDirs(config, LOG, "");
    MetaPropertiesEnsemble properties = directories._1();
    SharedServer shared =
        new SharedServer(
            config,
            properties,
            Time.SYSTEM,
            Server.initializeMetrics(config, Time.SYSTEM, properties.clusterId().orElseThrow()),
            CompletableFuture.completedFuture(
                QuorumConfig.parseVoterConnections(config.quorumConfig().voters())),
            QuorumConfig.parseBootstrapServers(config.quorumConfig().bootstrapServers()),
            new StandardFaultHandlerFactory(),
            ServerSocketFactory.INSTANCE);
    broker = new BrokerServer(shared);
    controller = new ControllerServer(shared, KafkaRaftServer.configSchema(), directories._2());
  }

  /** Starts both; when this returns the broker answers, or {@link #shutdown} was called. */
  void startup() throws InterruptedException {
    controller.startup();
    KRaftMetadataCache metadata = controller.metadataCache();
    while (!stopping && (isUnread(metadata) || metadata.hasAliveBroker(id))) {
      TimeUnit.MILLISECONDS.sleep(LOOK_MILLIS); // the controller tells nobody
    }
    if (!stopping) {
      broker.startup();
    }
    if (stopping) {
      shutdown(); // what was started after it had been stopped
    }
  }

  private static boolean isUnread(KRaftMetadataCache metadata) {
    return metadata.currentImage().provenance().lastContainedOffset() < 0;
  }

  /** Stops both orderly, or what a startup in another thread has started of them by now. */
  void shutdown() {
    stopping = true;
    broker.shutdown();
    controller.shutdown();
  }
}
