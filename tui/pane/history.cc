#include "tui/pane/history.h"

#include <algorithm>
#include <cstring>

#include "engine/text.h"

namespace lodge {
namespace {

// A run of cells of one paint, as it lies in Line::paints.
struct Run {
    uint16_t cells = 0;
    Paint paint;
};

void add_run(std::string& paints, const Run& run) {
    char bytes[sizeof(Run)];
    std::memcpy(bytes, &run, sizeof run);
    paints.append(bytes, sizeof bytes);
}

bool is_blank(const Cell& cell) {
    return cell.text == U' ' && cell.mark == 0 && cell.paint == Paint{};
}

}  // namespace

void PaneHistory::push(std::span<const Cell> cells) {
    while (!cells.empty() && is_blank(cells.back()))
        cells = cells.first(cells.size() - 1);
    Line line;
    const bool painted = std::any_of(cells.begin(), cells.end(),
                                     [](const Cell& cell) { return cell.paint != Paint{}; });
    Run run;
    for (const Cell& cell : cells) {
        if (cell.width != 0) {
            append_character(line.text, cell.text);
            if (cell.mark != 0) append_character(line.text, cell.mark);
        }
        if (!painted) continue;
        if (run.cells != 0 && (cell.paint != run.paint || run.cells == UINT16_MAX)) {
            add_run(line.paints, run);
            run.cells = 0;
        }
        run.paint = cell.paint;
        ++run.cells;
    }
    if (run.cells != 0) add_run(line.paints, run);
    line.text.shrink_to_fit();
    line.paints.shrink_to_fit();
    bytes_ += line.bytes();
    lines_.push_back(std::move(line));
    while (lines_.size() > most_lines || (bytes_ > most_bytes && lines_.size() > 1)) {
        bytes_ -= lines_.front().bytes();
        lines_.pop_front();
        ++dropped_;
    }
}

void PaneHistory::read(size_t index, std::vector<Cell>& cells) const {
    cells.clear();
    const Line& line = lines_[index];
    std::string_view text = line.text;
    while (!text.empty()) {
        const char32_t character = take_character(text);
        const int width = character_width(character);
        if (width == 0) {
            const size_t back = cells.size() > 1 && cells.back().width == 0 ? 2 : 1;
            if (!cells.empty()) cells[cells.size() - back].mark = character;
            continue;
        }
        cells.push_back({character, 0, static_cast<uint8_t>(width), {}});
        if (width == 2) cells.push_back({U' ', 0, 0, {}});
    }
    size_t at = 0;
    for (size_t i = 0; i + sizeof(Run) <= line.paints.size(); i += sizeof(Run)) {
        Run run;
        std::memcpy(&run, line.paints.data() + i, sizeof run);
        for (size_t end = std::min(cells.size(), at + run.cells); at < end; ++at)
            cells[at].paint = run.paint;
    }
}

bool PaneHistory::pop(std::vector<Cell>& cells) {
    if (lines_.empty()) return false;
    read(lines_.size() - 1, cells);
    bytes_ -= lines_.back().bytes();
    lines_.pop_back();
    return true;
}

void PaneHistory::clear() {
    dropped_ += static_cast<int64_t>(lines_.size());
    lines_.clear();
    bytes_ = 0;
}

}  // namespace lodge
