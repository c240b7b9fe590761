#include <algorithm>
#include <set>

#include "engine/units.h"
#include "engine/vm/snapshot.h"

namespace lodge {
namespace {

SnapshotNode node_of(const std::string& name, const Section& section) {
    SnapshotNode node;
    node.name = name;
    node.parent = section.get("parent").value_or("");
    node.time = parse_integer(section.get("snaptime").value_or("")).value_or(0);
    node.with_memory = section.has("vmstate");
    node.description = section.description();
    node.state = section.get("snapstate").value_or("");
    return node;
}

// Tree lists nodes below their parents, each once, whatever the links say.
class Tree {
  public:
    explicit Tree(std::vector<SnapshotNode> nodes) : nodes_(std::move(nodes)) {
        std::stable_sort(nodes_.begin(), nodes_.end(),
                         [](const auto& a, const auto& b) { return a.time < b.time; });
    }

    std::vector<SnapshotNode> lines() {
        const auto is_there = [&](const std::string& name) {
            return std::any_of(nodes_.begin(), nodes_.end(),
                               [&](const auto& node) { return node.name == name; });
        };
        for (const SnapshotNode& node : nodes_)
            if (node.parent.empty() || node.parent == node.name || !is_there(node.parent))
                list(node, 0);
        // What is left hangs in a circle: it is cut where the oldest is.
        for (const SnapshotNode& node : nodes_)
            list(node, 0);
        return std::move(lines_);
    }

  private:
    // Without recursion: a chain of snapshots may be as long as the file.
    void list(const SnapshotNode& root, int depth) {
        std::vector<std::pair<const SnapshotNode*, int>> waiting = {{&root, depth}};
        while (!waiting.empty()) {
            const auto [node, level] = waiting.back();
            waiting.pop_back();
            if (!seen_.insert(node->name).second) continue;
            lines_.push_back(*node);
            lines_.back().depth = level;
            for (auto child = nodes_.rbegin(); child != nodes_.rend(); ++child)
                if (child->parent == node->name && !seen_.contains(child->name))
                    waiting.emplace_back(&*child, level + 1);
        }
    }

    std::vector<SnapshotNode> nodes_;
    std::vector<SnapshotNode> lines_;
    std::set<std::string> seen_;
};

}  // namespace

std::vector<SnapshotNode> snapshot_tree(const Config& config) {
    std::vector<SnapshotNode> nodes;
    for (const auto& [name, section] : config.snapshots())
        nodes.push_back(node_of(name, section));
    std::vector<SnapshotNode> lines = Tree(std::move(nodes)).lines();
    SnapshotNode now;
    now.name = "now";
    now.now = true;
    now.parent = config.current.get("parent").value_or("");
    auto place = lines.end();
    const auto parent = std::find_if(lines.begin(), lines.end(),
                                     [&](const auto& node) { return node.name == now.parent; });
    if (parent != lines.end()) {
        now.depth = parent->depth + 1;
        place = std::find_if(parent + 1, lines.end(),
                             [&](const auto& node) { return node.depth < now.depth; });
    }
    lines.insert(place, std::move(now));
    return lines;
}

}  // namespace lodge
