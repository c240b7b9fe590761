#include <algorithm>

#include "engine/units.h"
#include "engine/vm/argv_parts.h"

// Memory: plain, in huge pages, shared with a helper, on NUMA nodes; and the balloon.
namespace lodge::argv {
namespace {

// Page size in MiB; 0: ordinary pages.
int64_t huge_page(const Builder& builder, int64_t mib) {
    const std::string pages = builder.config.string_of("hugepages");
    if (pages.empty()) return 0;
    if (pages == "any") return mib % 1024 == 0 ? 1024 : 2;
    return parse_integer(pages).value_or(2);
}

// "0-3;8" as [0, 1, 2, 3, 8].
Json node_list(std::string_view ranges) {
    Json nodes = Json::array();
    for (const std::string& range : split(ranges, ';')) {
        const auto ends = split(range, '-');
        const int64_t first = parse_integer(ends.front()).value_or(0);
        const int64_t last = parse_integer(ends.back()).value_or(first);
        for (int64_t node = first; node <= last && node < 1024; ++node)
            nodes.push_back(node);
    }
    return nodes;
}

Json backend(const Builder& builder, const std::string& name, int64_t mib) {
    const int64_t page = huge_page(builder, mib);
    const bool shared = builder.shared_memory();
    Json object = {{"qom-type", page > 0 || shared ? "memory-backend-memfd" : "memory-backend-ram"},
                   {"id", name},
                   {"size", mib << 20}};
    if (shared) object["share"] = true;
    if (page > 0) {
        object["hugetlb"] = true;
        object["hugetlbsize"] = page << 20;
        // A page that is missing later would kill the guest; at the start it is an error in words.
        object["prealloc"] = true;
    }
    return object;
}

// No machine has more; the largest sum of eight still fits.
constexpr int64_t most_mib = int64_t{1} << 32;

int64_t mib_of(double number) {
    return static_cast<int64_t>(std::clamp(number, 0.0, static_cast<double>(most_mib)));
}

struct Node {
    std::string cpus;  // "0-3;8"
    int64_t mib = 0;
    std::string hostnodes, policy;
};

std::vector<Node> numa_nodes(Builder& builder, int64_t mib) {
    const Config& config = builder.config;
    std::vector<Node> nodes;
    const auto keys = config.indexed("numa");
    int64_t given = 0;
    for (const std::string& key : keys) {
        const auto parts = config.properties(key);
        Node node;
        node.cpus = parts->text("cpus");
        node.mib = parts->has("memory") ? mib_of(parts->number("memory"))
                                        : mib / static_cast<int64_t>(keys.size());
        node.hostnodes = parts->text("hostnodes");
        node.policy = parts->text("policy");
        given += node.mib;
        nodes.push_back(node);
    }
    if (!nodes.empty()) {
        if (given != mib)
            fail(Exit::usage,
                 "guest {} cannot start: its NUMA nodes have {} MiB and memory says {}", builder.id,
                 given, mib);
        return nodes;
    }
    // No nodes named: one a socket.
    const int64_t cores = bounded_count(config.integer("cores"));
    const int64_t sockets = max_cpus(config) / cores;
    constexpr int64_t most_nodes = 128;  // MAX_NODES of QEMU's include/sysemu/numa.h
    if (sockets > most_nodes)
        fail(Exit::usage, "guest {} cannot start: numa with {} sockets, and QEMU has {} nodes",
             builder.id, sockets, most_nodes);
    for (int64_t i = 0; i < sockets; ++i) {
        Node node;
        node.cpus = fmt::format("{}-{}", i * cores, (i + 1) * cores - 1);
        node.mib = mib / sockets + (i == 0 ? mib % sockets : 0);
        nodes.push_back(node);
    }
    return nodes;
}

void add_numa(Builder& builder, int64_t mib) {
    int number = 0;
    for (const Node& node : numa_nodes(builder, mib)) {
        builder.begin(fmt::format("numa{}", number));
        const std::string name = fmt::format("ram-node{}", number);
        Json object = backend(builder, name, node.mib);
        if (!node.hostnodes.empty()) {
            object["host-nodes"] = node_list(node.hostnodes);
            object["policy"] = node.policy.empty() ? "bind" : node.policy;
        }
        builder.object(std::move(object));
        std::string text = fmt::format("node,nodeid={}", number);
        for (const std::string& range : split(node.cpus, ';'))
            text += ",cpus=" + range;
        builder.text("-numa", text + ",memdev=" + name);
        ++number;
    }
}

void add_balloon(Builder& builder) {
    const Config& config = builder.config;
    if (config.current.has("balloon") && config.integer("balloon") == 0) return;
    builder.begin("balloon");
    Json device = {{"driver", "virtio-balloon-pci"}, {"id", "balloon0"}};
    // Pages the guest has freed go back to the host by themselves; whole huge pages and memory that
    // another process maps cannot.
    if (!config.current.has("hugepages") && !builder.shared_memory())
        device["free-page-reporting"] = true;
    builder.pci_device("balloon", std::move(device));
}

void add_ivshmem(Builder& builder) {
    const auto parts = builder.config.properties("ivshmem");
    if (!parts) return;
    builder.begin("ivshmem");
    const std::string name = parts->has("name") ? parts->text("name") : std::to_string(builder.id);
    if (name.find('/') != std::string::npos)
        fail(Exit::usage, "ivshmem: a name has no '/': {}", in_quotes(name));
    builder.object({{"qom-type", "memory-backend-file"},
                    {"id", "ivshmem-ram"},
                    {"share", true},
                    {"mem-path", "/dev/shm/pve-shm-" + name},
                    {"size", std::min(parts->integer("size"), most_mib) << 20}});
    builder.pci_device("ivshmem",
                       {{"driver", "ivshmem-plain"}, {"id", "ivshmem"}, {"memdev", "ivshmem-ram"}});
}

}  // namespace

int64_t memory_mib(const Config& config) {
    return std::clamp<int64_t>(config.integer("memory"), 16, most_mib);
}

bool has_numa_nodes(const Config& config) {
    return config.flag("numa");
}

void add_memory(Builder& builder) {
    const Config& config = builder.config;
    const int64_t mib = memory_mib(config);
    builder.begin("memory");
    builder.text("-m", fmt::format("size={}M", mib));
    if (builder.facts.memory > 0 && mib > builder.facts.memory >> 20)
        builder.warn("memory: the guest gets {} MiB and this machine has {}", mib,
                     builder.facts.memory >> 20);
    const bool special = config.current.has("hugepages") || builder.shared_memory();
    if (has_numa_nodes(config)) {
        add_numa(builder, mib);
    } else if (special) {
        builder.begin("hugepages");
        builder.object(backend(builder, "ram0", mib));
    }
    if (!has_numa_nodes(config) && !config.indexed("numa").empty())
        builder.warn("numa0: nodes are named but numa is off: the guest sees none");
    if (config.flag("keephugepages"))
        builder.warn("keephugepages: huge pages go back to the kernel when the guest stops");
}

void add_memory_devices(Builder& builder) {
    add_balloon(builder);
    add_ivshmem(builder);
}

}  // namespace lodge::argv
