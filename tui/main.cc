#include <string>
#include <vector>

#include "tui/words.h"

int main(int argc, char** argv) {
    using namespace lodge;
    const std::span<const Command> tables[] = {
        guest_commands(),   snapshot_commands(), disk_commands(),
        storage_commands(), network_commands(),  image_commands(),
        job_commands(),     tui_commands(),      demo_commands(),
    };
    return run_words(tables, std::vector<std::string>(argv + 1, argv + argc));
}
