// The details' first tab: what a guest does now, and graphs of its last minutes.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/text.h"
#include "engine/units.h"
#include "tui/app.h"
#include "tui/hardware.h"
#include "tui/screens/guest_tab.h"
#include "tui/screens/guest_words.h"

namespace lodge {
namespace {

class SummaryTab : public GuestTab {
  public:
    using GuestTab::GuestTab;

    void set(int guest) override { guest_ = guest; }
    bool key(const Key&) override { return false; }

    void draw(Area area, bool) override {
        const GuestView* view = app_.state().guest(guest_);
        if (view == nullptr) return;
        int y = 0;
        const auto line = [&](std::string_view label, std::string_view words, Paint paint = {}) {
            if (y >= area.height() || words.empty()) return;
            area.put(0, y, label, Role::dim);
            area.part(10, y, area.width() - 10, 1).put(0, 0, printable(words), paint);
            ++y;
        };
        const Sighting& sighting = view->sighting;
        std::string state(guest_state_word(sighting.state));
        if (view->is_up()) state += " since " + short_duration(sighting.uptime);
        if (sighting.emulated) state += ", software emulation: slow";
        line("State", state, state_role(*view));
        if (!view->guest->unreadable.empty()) line("File", view->guest->unreadable, Role::danger);
        if (view->is_up()) figures(*view, line);
        std::vector<std::string> addresses;
        for (const GuestAddress& address : view->addresses)
            addresses.push_back(address.ip + (address.configured ? " (configured)" : ""));
        line("Address", join(addresses, "  "));
        if (view->last_snapshot) line("Snapshot", view->last_snapshot->name);
        line("Tags", view->guest->config.current.get("tags").value_or(""));
        line("Notes", notes_words(*view), note_role(*view));
        for (const Problem& problem : view->guest->config.problems())
            if (!app_.locked() || !may_hold_secret(problem.key))
                line("Mistake", view->guest->config.words_of(problem), Role::warning);
        hardware(*view, line);
        if (view->history) graphs(area.rows(y + 1, area.height() - y - 1), *view);
    }

  private:
    template <class Line>
    static void figures(const GuestView& view, const Line& line) {
        const Sighting& sighting = view.sighting;
        if (is_counted(view)) line("CPU", fmt::format("{:.1f}% of one CPU", view.cpu * 100));
        if (view.use && use_lines(*view.use).empty()) {
            line("Limits", "nothing counts what it uses: it has no control groups", Role::warning);
        } else if (view.use) {
            for (const auto& [label, words] : use_lines(*view.use))
                line(label, words,
                     label == "Memory" && view.use->killed > 0 ? Role::warning : Role::normal);
        } else {
            std::string memory = short_size(sighting.memory_resident) + " on the host";
            if (view.memory_used) memory += ", " + short_size(*view.memory_used) + " used inside";
            if (sighting.memory_limit > 0) memory += ", given " + short_size(sighting.memory_limit);
            line("Memory", memory);
        }
        if (view.disk_read || view.disk_write)
            line("Disk", fmt::format("read {}, write {}", rate_words(view.disk_read),
                                     rate_words(view.disk_write)));
        if (view.net_in || view.net_out)
            line("Network",
                 fmt::format("in {}, out {}", rate_words(view.net_in), rate_words(view.net_out)));
    }

    // What it is made of, in one line a thing.
    template <class Line>
    static void hardware(const GuestView& view, const Line& line) {
        const auto& current = view.guest->config.current;
        const auto get = [&](std::string_view key) { return current.get(key).value_or(""); };
        const bool container = view.guest->kind->name() == "ct";
        const std::string cores = get("cores").empty() ? (container ? "all" : "1") : get("cores");
        line("CPUs", cores + (get("cpu").empty() ? "" : ", " + get("cpu")));
        line("System", get("ostype"));
        line("Starts", get("onboot") == "1" ? "with the machine" : "");
        const std::string about = current.get("description").value_or("");
        line("About", about.substr(0, about.find('\n')));
    }

    void graphs(Area area, const GuestView& view) const {
        const GuestHistory& history = *view.history;
        struct Graph {
            std::string_view label;
            const History* series;
            double top;
            bool bytes;
        };
        const double cpus =
            std::max(1.0, std::ceil(history.cpu.empty() ? 1.0 : history.cpu.largest()));
        const Graph all[] = {
            {"CPU", &history.cpu, cpus, false},
            {"Memory", &history.memory, static_cast<double>(view.sighting.memory_limit), true},
            {"Disk read", &history.disk_read, 0, true},
            {"Disk write", &history.disk_write, 0, true},
            {"Net in", &history.net_in, 0, true},
            {"Net out", &history.net_out, 0, true},
        };
        std::vector<const Graph*> shown;
        for (const Graph& graph : all)
            if (!graph.series->empty() && !std::isnan(graph.series->largest()))
                shown.push_back(&graph);
        if (shown.empty() || area.height() < 2) return;
        const int each = std::clamp(area.height() / static_cast<int>(shown.size()), 1, 4);
        int y = 0;
        for (const Graph* graph : shown) {
            if (y + each > area.height()) return;
            const double largest = graph->series->largest();
            const double top = graph->top > 0 ? graph->top : std::max(largest, 1024.0);
            area.put(0, y, graph->label, Role::dim);
            const std::string words = graph->bytes ? short_size(static_cast<int64_t>(largest))
                                                   : fmt::format("{:.0f}%", largest * 100);
            if (each > 1) area.put(0, y + 1, "max " + words, Role::dim);
            draw_graph(area.part(12, y, area.width() - 12, each), graph_values(*graph->series),
                       static_cast<float>(top), app_.glyphs());
            y += each;
        }
    }

    int guest_ = 0;
};

}  // namespace

std::unique_ptr<GuestTab> make_summary_tab(App& app) {
    return std::make_unique<SummaryTab>(app);
}

}  // namespace lodge
