// SPDX-License-Identifier: Apache-2.0
package auditbus.agent;

import java.nio.file.Path;

/**
 * One configured source.
 *
 * @param name its name on this host
 * @param type what it reads
 * @param path the directory or file
 */
public record SourceConfig(String name, SourceType type, Path path) {}
