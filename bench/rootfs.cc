#include "bench/rootfs.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "bench/guests.h"
#include "engine/container/rootfs.h"
#include "engine/error.h"

namespace lodge::bench {
namespace {

namespace fs = std::filesystem;

constexpr int rounds = 5;
constexpr int64_t archive_bytes = 300 << 20;

// As a Debian has it: most files are small, most bytes are in large ones; half of it packs well.
void make_tree(const fs::path& top) {
    uint32_t random = 1;
    const auto next = [&] { return (random = random * 1664525 + 1013904223) >> 8; };
    std::string bytes(1 << 20, '\0');
    for (size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<char>((i & 1) != 0 ? next() : i / 64);
    int64_t sum = 0;
    for (int i = 0; sum < archive_bytes; ++i) {
        const fs::path folder = top / ("usr/d" + std::to_string(i / 40));
        if (i % 40 == 0) fs::create_directories(folder);
        const size_t size = i % 50 == 0 ? next() % bytes.size() : next() % 30000;
        std::ofstream(folder / ("f" + std::to_string(i)), std::ios::binary)
            .write(bytes.data() + next() % (bytes.size() - size), static_cast<long>(size));
        sum += static_cast<int64_t>(size);
    }
}

// In memory where there is room: a disk's own mood is larger than what is measured.
fs::path place() {
    std::error_code none;
    const auto space = fs::space("/dev/shm", none);
    const bool room = !none && space.available > (uint64_t{2} << 30);
    return (room ? fs::path("/dev/shm") : fs::temp_directory_path()) /
           ("lodge-bench-rootfs-" + std::to_string(::getpid()));
}

// RootfsBench is the two archives and what each round fills.
class RootfsBench {
  public:
    RootfsBench() : top_(place()) {
        fs::create_directories(top_ / "tree");
        make_tree(top_ / "tree");
        time_program({"/usr/bin/tar", "-cf", plain(), "-C", (top_ / "tree").string(), "."});
        time_program({"/usr/bin/zstd", "-q", plain(), "-o", packed()});
        fs::remove_all(top_ / "tree");
    }
    RootfsBench(const RootfsBench&) = delete;
    RootfsBench& operator=(const RootfsBench&) = delete;
    ~RootfsBench() {
        std::error_code ignored;
        fs::remove_all(top_, ignored);
    }

    std::string plain() const { return (top_ / "root.tar").string(); }
    std::string packed() const { return (top_ / "root.tar.zst").string(); }

    double by_tar(const std::string& archive) {
        const std::string root = fresh();
        return time_program({"/bin/sh", "-c",
                             "tar -xpf \"$1\" -C \"$2\" --numeric-owner --acls --xattrs && "
                             "sync -f \"$2\"",
                             "-", archive, root});
    }
    double by_lodge(const std::string& archive, const IdMap& map) {
        const std::string root = fresh();
        return time_of([&] {
            Plan plan;
            plan_rootfs(scratch_.engine(), {archive, root, map, 0}, plan);
            scratch_.engine().jobs.run_here(scratch_.engine(), plan, {});
        });
    }

  private:
    // What the last round made is not on its way to the disk in the next one.
    std::string fresh() {
        fs::remove_all(top_ / "root");
        fs::create_directories(top_ / "root");
        ::sync();
        return (top_ / "root").string();
    }

    Scratch scratch_;
    fs::path top_;
};

}  // namespace

std::vector<Row> rootfs_rows() {
    if (::geteuid() != 0)
        return {{"container's root, 300 MB", "lodge", {}, "", "needs root", "ms"}};
    RootfsBench bench;
    const IdMap map = parse_id_map({"u 0 100000 65536", "g 0 100000 65536"});
    std::vector<Row> rows;
    for (const bool packed : {false, true}) {
        const std::string archive = packed ? bench.packed() : bench.plain();
        Figures tar, lodge, shifted;
        // Alternating, so that a machine that drifts drifts for all; the first warms the cache.
        for (int round = 0; round <= rounds; ++round) {
            const double theirs = bench.by_tar(archive);
            const double ours = bench.by_lodge(archive, {});
            const double mapped = bench.by_lodge(archive, map);
            if (round == 0) continue;
            tar.add(theirs);
            lodge.add(ours);
            shifted.add(mapped);
        }
        const std::string what =
            packed ? "container's root, 300 MB tar.zst" : "container's root, 300 MB tar";
        rows.push_back({what, "tar + sync -f", tar, "", ""});
        rows.push_back({what, "lodge", lodge, "<= 1.1x tar", ""});
        rows.push_back({what, "lodge, ids shifted", shifted, "<= 1.1x tar", ""});
    }
    return rows;
}

}  // namespace lodge::bench
