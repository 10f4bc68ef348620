// TL1 and TL2 as the functions of Microsoft's converter write them.

#include <string>

#include "selftest/formats_support.h"
#include "selftest/sha256.h"

namespace bitnet::selftest {
namespace {

BITNET_TEST(formats_tl_golden_converter) {
  struct Golden {
    const char* name;
    uint64_t rows;
    uint64_t cols;
    TileParams tile;
    uint32_t seed;
    uint64_t bytes;  // without the scale and, for TL2, the padding before it
    const char* hash;
    const char* first_bytes;
    const char* last_bytes;
  };
  // Golden data, lut/msconverter.json; the last two rows: specification, appendix B.
  const Golden cases[] = {
      {"tl1",
       64,
       256,
       {64, 128, 32},
       101,
       4096,
       "923ed2dad06ed7f18e0bce513fcb2477ed6d0eac9fbdfecf294982ad29a870de",
       "0716040266740774417888227787030473255334734614811415778124174862",
       "6577340646256685872875265081306310573263770102251227762766703861"},
      {"tl1",
       128,
       512,
       {64, 64, 64},
       102,
       16384,
       "f249f11c0678d46195b0b44abecf2cf2e0c0a4c6ee6fabacc3e8dc1ce0079ecc",
       "5037704338755645182326647635282138508351347143722400048215421401",
       "7107582666553374712810771568454611344374684721218267466061165512"},
      {"tl1",
       1024,
       4096,
       {128, 64, 64},
       103,
       1048576,
       "9d0813d58fb7e6c72fb76fe1b009c7a4e21d67ebb98bbd96a87abc811a170347",
       "0535082167316370531612334451211018863431515802123631411535454072",
       "6280450443422864212212468122016305075124761377845566873625647683"},
      {"tl1",
       3200,
       3200,
       {320, 128, 64},
       104,
       2560000,
       "aa7b40c712849e423e2100cf8dab42eba4f65d3259357735d7f2cdcb4d695d1d",
       "4710028065715606560627617038283355860364358616811626247734281671",
       "4215238848571112475732243846083162680651250372403462435345856068"},
      {"tl1",
       1024,
       4096,
       {128, 64, 32},
       103,
       1048576,
       "b857e437bbc5524a91a9fa2c468e82b1fef886021f9f30c6890fec4368c0f12d",
       "0535082167316370531612334451211035480447203151753227780175627001",
       "5345777528730811433137480817757605075124761377845566873625647683"},
      {"tl2",
       64,
       320,
       {32, 96, 32},
       105,
       4949,
       "221e0adbd04324dd8c1ec2fb4bcbf842c7d06f94ab4f3633c940d0b637b4a8d7",
       "6990aa3182d94bb18334ca530a4b9947243830dcad079b0a7d553647d4127461",
       "0000000000000000000000000000000000000000000000000000000000000000"},
      {"tl2",
       128,
       512,
       {64, 96, 32},
       106,
       15018,
       "9db79b2eaa06916f39aa569ed4224b05c6eab7f7370abeee03b23be90eb1f7f3",
       "19aa1d50b5131cc2b9dd51c5c94a070ba492081a66b0a42d8dc816d254bdb659",
       "0000000000000000000000000000000000000000000000000000000000000000"},
      {"tl2",
       1024,
       4096,
       {256, 96, 32},
       103,
       884736,
       "9d757176c6540c6bb89f5399e5b9893269e4579591edcd07bc1048de895939ee",
       "c839b570724168868bd53341224bd5a83a8bac3d032273ad2a4111973605188d",
       "0000000000000000000000000000000000000000000000000000000000000000"},
      {"tl2",
       3200,
       3200,
       {320, 96, 32},
       104,
       2167466,
       "f5bd5d0fc092934d1ce5fe28081fedbc8067a276f6f4d38deb69a7d311e9107b",
       "14a5d9ba66804cba36d8c96439d78db04cb55354892a58368c5d62a133558781",
       "0000000000000000000000000000000000000000000000000000000000000000"},
      {"tl2",
       96,
       768,
       {96, 192, 32},
       107,
       16384,
       "9325b7ead738fc4c43302fdc935843a865c54c9fe4abec462c9d4c6c67cbd289",
       "b12335975b6881751919b814a29948382d996a8a652723b98112db598218b1c5",
       "0000000000000000000000000000000000000000000000000000000000000000"},
      {"tl1",
       64,
       256,
       {64, 128, 32},
       1,
       4096,
       "9175f38f968aab359ca6cc428d6b23b2",
       "5466027683555635",
       ""},
      {"tl2",
       64,
       320,
       {32, 96, 32},
       1,
       4949,
       "40d438b8006aca61fb363766a4a220b5",
       "34a4da923c338d07",
       ""},
  };
  for (const Golden& golden : cases) {
    const Format& f = format(golden.name);
    const MatrixShape shape{golden.rows, golden.cols, golden.tile};
    CHECK(misfit(f, shape) == nullptr);
    const Bytes codes = random_codes(shape.rows * shape.cols, golden.seed);
    Bytes payload = pack(f, codes, shape);
    CHECK(unpack(f, payload, shape) == codes);
    CHECK_EQ(payload.size(), (golden.bytes + 31) / 32 * 32);
    payload.resize(golden.bytes);
    const std::string hash = golden.hash;
    const std::string first = golden.first_bytes;
    const std::string last = golden.last_bytes;
    CHECK_EQ(sha256(payload).substr(0, hash.size()), hash);
    CHECK_EQ(hex_text(payload.data(), first.size() / 2), first);
    CHECK_EQ(hex_text(payload.data() + payload.size() - last.size() / 2, last.size() / 2), last);
  }
}

}  // namespace
}  // namespace bitnet::selftest
