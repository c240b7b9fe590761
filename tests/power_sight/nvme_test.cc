#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "power/nvme_health.h"
#include "tests/power_sight/root.h"

namespace lodge {
namespace {

TEST(Nvme, its_health_is_where_the_specification_has_it) {
    std::array<uint8_t, 512> page{};
    page[0] = 0x04;  // reliability is degraded
    page[160] = 7;
    page[176] = 0x2a;
    page[177] = 0x01;
    const auto health = parse_nvme_health(page);
    ASSERT_TRUE(health);
    EXPECT_EQ(health->warning, 4);
    EXPECT_EQ(health->media_errors, 7u);
    EXPECT_EQ(health->logged_errors, 0x12au);
    page[170] = 1;  // beyond 64 bits
    EXPECT_EQ(parse_nvme_health(page)->media_errors, std::numeric_limits<uint64_t>::max());
    EXPECT_FALSE(parse_nvme_health(std::span(page).first(511)));
}

TEST(Nvme, what_is_no_controller_has_no_health) {
    const PowerRoot root;
    EXPECT_FALSE(nvme_health(root.host, "nvme0"));
    root.put("/dev/nvme0", "a file");
    EXPECT_FALSE(nvme_health(root.host, "nvme0"));
}

}  // namespace
}  // namespace lodge
