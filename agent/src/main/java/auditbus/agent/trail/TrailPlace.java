// SPDX-License-Identifier: Apache-2.0
package auditbus.agent.trail;

import java.nio.file.Path;

/**
 * A place in a trail.
 *
 * @param trail the trail's id: its start
 * @param path its file as it is called now
 * @param position bytes before the place
 */
public record TrailPlace(String trail, Path path, long position) {}
