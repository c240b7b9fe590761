#include "tui/screens/host_parts.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/text.h"
#include "engine/units.h"
#include "engine/wrap.h"
#include "power/sight_words.h"
#include "tui/screens/guest_words.h"

namespace lodge {
namespace {

// From here on something is nearly full.
constexpr double much = 0.9;

double share_of(int64_t part, int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

Paint gauge_paint(double share) {
    return share > much ? Role::warning : Role::graph;
}

// A figure with a gauge, and its last minutes at the right.
HostPart gauge_line(std::string label, double share, std::string words, const History& past,
                    double top, const Glyphs& glyphs, int height) {
    return {height, [=, values = graph_values(past), &glyphs](const Area& area) {
                constexpr int gauge = 16, text = 20;
                area.put(1, 0, label, Role::dim);
                draw_gauge(area, 1 + part_label, 0, gauge, share, glyphs, gauge_paint(share));
                area.put(2 + part_label + gauge, 0, words,
                         share > much ? Role::warning : Role::normal);
                const int x = 2 + part_label + gauge + text;
                draw_graph(area.part(x, 0, area.width() - x - 1, area.height()), values,
                           static_cast<float>(top), glyphs);
            }};
}

// Two rates with their last minutes, the first above or left of the second.
HostPart rate_line(std::string label, std::string words, const History& first,
                   const History& second, const Glyphs& glyphs) {
    return {1, [=, &glyphs, a = graph_values(first), b = graph_values(second)](const Area& area) {
                area.put(1, 0, label, Role::dim);
                area.put(1 + part_label, 0, words);
                const int x = 38 + part_label, width = (area.width() - x - 2) / 2;
                const auto most = [](const std::vector<float>& values) {
                    return values.empty() ? 0.0F : *std::max_element(values.begin(), values.end());
                };
                const float top = std::max({most(a), most(b), 1024.0F});
                draw_graph(area.part(x, 0, width, 1), a, top, glyphs);
                draw_graph(area.part(x + width + 1, 0, width, 1), b, top, glyphs, Role::graph_2);
            }};
}

// A small gauge a CPU, as many in a row as there is room for.
HostPart cpus_part(const std::vector<double>& shares, const Glyphs& glyphs, int width) {
    constexpr int each = 17, gauge = 8;
    const int columns = std::max(1, (width - 1 - part_label) / each);
    const auto count = static_cast<int>(shares.size());
    return {(count + columns - 1) / columns, [=, &glyphs](const Area& area) {
                for (int i = 0; i < count; ++i) {
                    const int x = 1 + part_label + i % columns * each, y = i / columns;
                    const double share = shares[static_cast<size_t>(i)];
                    area.put_right(x + 2, y, std::to_string(i), Role::dim);
                    draw_gauge(area, x + 3, y, gauge, share, glyphs, gauge_paint(share));
                    area.put(x + 4 + gauge, y, fmt::format("{:3.0f}%", share * 100));
                }
            }};
}

std::string pressure_words(const Pressure& pressure) {
    return fmt::format("CPU {:.0f}%  memory {:.0f}%  disks {:.0f}% of the last 10 s",
                       pressure.cpu * 100, pressure.memory * 100, pressure.io * 100);
}

void draw_sensor(const Area& area, const SensorView& sensor) {
    const Paint paint = sensor.alarm ? Role::danger : sensor.asleep ? Role::dim : Role::normal;
    const std::string limits = sensor_limit_words(sensor);
    const std::string limit = sensor.alarm ? "ALARM " + limits : limits;
    area.put_right(9, 0, sensor_words(sensor), paint);
    const int room = area.width() - 11 - text_width(limit);
    area.put_right(area.width() - 1, 0, limit, sensor.alarm ? Role::danger : Role::dim);
    area.part(10, 0, room - 1, 1)
        .put(0, 0, printable(fmt::format("{} {}", sensor_title(sensor), sensor.chip)), paint);
}

HostPart disk_part(const DiskView& disk) {
    std::string words = fmt::format("{:8} {:>6}  ", disk.name, short_size(disk.size));
    words += disk.model + (disk.rotational ? " (turns)" : "");
    std::string now;
    if (disk.read || disk.write)
        now = fmt::format("read {}  write {}", rate_words(disk.read), rate_words(disk.write));
    if (disk.busy) now += fmt::format("  busy {:.0f}%", *disk.busy * 100);
    const bool busy = disk.busy.value_or(0) > much;
    return {1, [words = printable(words), now, busy](const Area& area) {
                area.part(1, 0, area.width() - text_width(now) - 3, 1).put(0, 0, words);
                area.put_right(area.width() - 1, 0, now, busy ? Role::warning : Role::normal);
            }};
}

HostPart file_system_part(const FileSystemView& system, const Glyphs& glyphs) {
    return {1, [system, &glyphs](const Area& area) {
                // Of what there is for us: a part may be kept for root (tune2fs(8), -m).
                const double share = share_of(system.used, system.used + system.available);
                const std::string words = fmt::format(
                    "{:3.0f}%  {:>5} free of {:>5}{}", share * 100, short_size(system.available),
                    short_size(system.total), share > much ? " nearly full" : "");
                constexpr int gauge = 10;
                const int right = std::max(16, area.width() - 52);
                area.part(3, 0, right - 4, 1)
                    .put(0, 0, printable(fmt::format("{}  {}", system.mount, system.type)));
                draw_gauge(area, right, 0, gauge, share, glyphs, gauge_paint(share));
                area.put(right + gauge + 1, 0, words, share > much ? Role::warning : Role::normal);
            }};
}

}  // namespace

HostPart line_part(std::string_view label, std::string_view words, Paint paint) {
    const auto lines = [words = printable(words)](int width) {
        auto found = wrapped(words, std::max(10, width - 1 - part_label));
        if (found.empty()) found.emplace_back();
        return found;
    };
    return {1,
            [label = std::string(label), lines, paint](const Area& area) {
                area.put(1, 0, label, Role::dim);
                int y = 0;
                for (const std::string& line : lines(area.width()))
                    area.put(1 + part_label, y++, line, paint);
            },
            [lines](int width) { return static_cast<int>(lines(width).size()); }};
}

HostPart gap_part() {
    return {1, [](const Area&) {}};
}

HostPart heading_part(std::string_view words) {
    return {1, [words = std::string(words)](const Area& area) {
                area.put(1, 0, words, Role::heading);
            }};
}

HostPart sensors_part(std::vector<SensorView> sensors, int width) {
    // Alarms first, then the hottest, then the rest as the chips have them.
    std::stable_sort(sensors.begin(), sensors.end(), [](const auto& a, const auto& b) {
        if (a.alarm != b.alarm) return a.alarm;
        const bool hot = a.kind == SensorView::Kind::temperature;
        if (a.kind != b.kind) return a.kind < b.kind;
        return hot && a.value > b.value;
    });
    const int columns = width >= 76 ? 2 : 1;
    const auto count = static_cast<int>(sensors.size());
    const int rows = (count + columns - 1) / columns;
    return {rows, [=](const Area& area) {
                const int each = area.width() / columns;
                for (int i = 0; i < count; ++i)
                    draw_sensor(area.part(i / rows * each, i % rows, each, 1),
                                sensors[static_cast<size_t>(i)]);
            }};
}

std::vector<HostPart> machine_parts(const Seen& seen, const Glyphs& glyphs, int width, bool roomy) {
    const HostView& host = seen.host;
    const HostHistory& past = host.history;
    std::vector<HostPart> parts;
    std::string system = host.system;
    system += (system.empty() ? "Linux " : ", Linux ") + host.kernel;
    parts.push_back(line_part("System", system));
    std::string processor = host.processor;
    processor += (processor.empty() ? "" : ", ") + counted(host.cpus, "CPU");
    parts.push_back(line_part("CPU", processor));
    parts.push_back(
        line_part("Up", fmt::format("{}, load {:.2f} {:.2f} {:.2f}", short_duration(host.uptime),
                                    host.load[0], host.load[1], host.load[2])));
    if (roomy) parts.push_back(gap_part());
    parts.push_back(gauge_line("In use", host.cpu, fmt::format("{:3.0f}%", host.cpu * 100),
                               past.cpu, 1, glyphs, roomy ? 4 : 1));
    if (host.cpu_shares.size() > 1) parts.push_back(cpus_part(host.cpu_shares, glyphs, width));
    if (roomy) parts.push_back(gap_part());
    parts.push_back(gauge_line(
        "Memory", share_of(host.memory_used, host.memory_total),
        fmt::format("{} of {}", short_size(host.memory_used), short_size(host.memory_total)),
        past.memory, static_cast<double>(host.memory_total), glyphs, roomy ? 3 : 1));
    if (host.swap_total > 0)
        parts.push_back(gauge_line(
            "Swap", share_of(host.swap_used, host.swap_total),
            fmt::format("{} of {}", short_size(host.swap_used), short_size(host.swap_total)),
            History(), 1, glyphs, 1));
    if (host.pressure) parts.push_back(line_part("Waits", pressure_words(*host.pressure)));
    if (roomy) parts.push_back(gap_part());
    if (host.disk_read || host.disk_write)
        parts.push_back(rate_line("Disks",
                                  fmt::format("read {}, write {}", rate_words(host.disk_read),
                                              rate_words(host.disk_write)),
                                  past.disk_read, past.disk_write, glyphs));
    if (host.net_in || host.net_out)
        parts.push_back(rate_line(
            "Network",
            fmt::format("in {}, out {}", rate_words(host.net_in), rate_words(host.net_out)),
            past.net_in, past.net_out, glyphs));
    return parts;
}

std::vector<HostPart> hardware_parts(const Seen& seen, const Glyphs& glyphs, int width) {
    std::vector<HostPart> parts;
    if (!seen.sensors.empty()) {
        parts.push_back(heading_part("SENSORS"));
        parts.push_back(sensors_part(seen.sensors, width));
    }
    if (seen.disks.empty() && seen.other_file_systems.empty()) return parts;
    parts.push_back(heading_part("DISKS"));
    for (const DiskView& disk : seen.disks) {
        parts.push_back(disk_part(disk));
        for (const FileSystemView& system : disk.file_systems)
            parts.push_back(file_system_part(system, glyphs));
    }
    for (const FileSystemView& system : seen.other_file_systems)
        parts.push_back(file_system_part(system, glyphs));
    return parts;
}

}  // namespace lodge
