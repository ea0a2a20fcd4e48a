"""Known answers for OAuth 1.0a as IBKR uses it: published ones, and ones computed with a second implementation.

The keys are made for tests and guard nothing; they stand here as numbers.
"""

from __future__ import annotations

from typing import Any, Final

PUBLISHED_TOKEN: Final[str] = "YBWbLw+9RYP2nWrPQHxHZkBb1aM="
PUBLISHED_CONSUMER: Final[str] = "TESTCONS"
PUBLISHED_TOKEN_SIGNATURE: Final[str] = "543c55477d6cbb0e792d1e4f8111cec7305ba3f4"
PUBLISHED_BASE_STRING: Final[str] = (
    "GET&http%3A%2F%2Flocalhost%3A12345%2Ftradingapi%2Fv1%2Fmarketdata%2Fsnapshot&conid%3D8314%26oauth_co"
    "nsumer_key%3DTESTCONS%26oauth_nonce%3Daecef17086308940e861%26oauth_signature_method%3DHMAC-SHA256%26"
    "oauth_timestamp%3D1473795686%26oauth_token%3D6f531f8fd316915af53f"
)
PUBLISHED_SIGNATURE: Final[str] = "+BdIuZDNooYZAbO9RZUCTC5F/3HjFOb04Tu4crpi0v8="
CONSUMER_KEY: Final[str] = "TESTCONS1"
ACCESS_TOKEN: Final[str] = "a1b2c3d4e5f6a7b8c9d0"
ACCESS_TOKEN_SECRET: Final[str] = (
    "lVEIU9xKRAv9fGYulSbB1gOG1AKdgY2wof7ecqQ17WQlyLJbDPCSfOA419zBWY5OYR5WKK3vHm4Kdj6f240cRz7Dxxaitc05F5Tz"
    "ZsnKcfRV2VmLq106aHbTqL1gFeTFIZG7RWzvq4y9mXTL/0coaPnBGAhfkyl/sxgeeXbTN73Cinqmln9FGdlan6P8dhtYbqiwa3f/"
    "Jw04qNpJtyCmtmSPcILMUda3coC5LhhV3Zc5Er6KmqlAXv4gTd9B+8DsmRUplRxEnSiIRcI4vxHrSJ8jToZDMFNxZDxgsjG01kjT"
    "+dyKb/FGcsX2ppNC+1jbwztaL0aty1hPYUzgAB250Q=="
)
PREPEND: Final[str] = "00a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddeeff"
REALM: Final[str] = "limited_poa"
DH_PRIME: Final[str] = (
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef95"
    "19b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb"
    "5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3"
    "ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e8603"
    "9b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffff"
    "ffffffffffff"
)
DH_GENERATOR: Final[int] = 2
ENCRYPTION_KEY: Final[dict[str, str]] = {
    "n": (
        "bd1b45ed6562becbc0ef842d6e297391232d11a6edbabd1895bb208922d38c0074cb9035864aa168cc0b52f40905e494"
        "515e95fc0feb83ed083bf03241e7e751b6e870252f595df0908f4cdba2075695baf6ac4bd2107ca58a52774fac005e27"
        "6f06193244115296e4c0471357891990a561b1451881f4ad24f383b2a48c99c14accdd38a490a4ea422c43948bad16c9"
        "c5048fe288c418fefbaf8deb87b3c4f44b5bbc81037e984634d7d9d6785fd704a1e06e722fd1c8e9345106c39d0c076c"
        "ac2b3055c000d01797ab32e7113a80108abec05607b5f6ee0350ca6ca0749eeab7b77f94b8ccfc172d0016eca836f9c2"
        "47196d0ed0a17056622ea8962a4098c3"
    ),
    "e": 65537,
    "d": (
        "5defae4cbe9023e168203d08543098625596e303336964daa6db782351a96eb775f7a880435fcf236a3835d2035414b7"
        "985e8e77d21b564292ff3327194099277e344d80d5d9b950467ee884317873b4ecfff0ebb8ed77a818e33361358fa3e0"
        "481b94bde367621f3d2cf0cc2ada1a58ea78c76b609682c97f66ccda1b38672742446a7467b2ab1cc04618ec318981c7"
        "fd912135593745d51938bc1ee51fbee1e11a22efd1a4afdaa244e208bcc91625c205197ed85ccd342e6b81e36b785dc7"
        "8517c2e90fe6ba12eb6323c607fddc1c34379660bff39a2830e82a0707637a7fa2be0d9aa03abbe24d567a7e26c765a6"
        "a6d970e0d6170606d016c86ad4ae781"
    ),
    "p": (
        "e80ced00451805e529923fc17eb97ba7fdc3992fa3494f040fa100258e4121c5752857092fe2e3717ebb15c511f0e679"
        "6134662ad4e86a93b0b036bdfe1c21cf8043c0b440704fa825cf766b1d0e3d7bb4cab5146291bf19818ea6b613397dd9"
        "44bf6d1a5a7e5efc32a6a52158ae2365ea324e89961882648543f96f7895663b"
    ),
    "q": (
        "d09fb6665d269b602ef99b6b202836d7a251297a92c2587a57a6352db934f45d8ec44ee8fc615084365e2872cb1dc362"
        "4c13fe8487d242045a72219a66dadab5e4b2318db8fb491ff7cede0c37bfc590587b579025fcecca85a7ecd202d4c80c"
        "2fb745c930ad2d26502184ec99cedce07565165861dabe110f58e075a5ba0719"
    ),
}
SIGNATURE_KEY: Final[dict[str, str]] = {
    "n": (
        "b202d5cb324f597a9af43d0ac95ca826ed053f7b6e5c9a3232c6715f1ea44614890742c4d2c34f22b0809c6441f4dde1"
        "6b81019639555bdd12a9662823c8493537c38f5542e05a77d161708aa1768eea792b01e9eb7c0ba1d0421ec8c21c3eee"
        "429de69c1d0baec3f959567ce7e72a5626e3a64d5cd96cee1e721f4344b5c227a0cefe788db31758164f7f76560d8fc9"
        "99be138af07c7757e98b94c94d988b244b8d640bcb755b982995b830ca2d1ca30ee996a954b0e83325754d0c13c870cd"
        "2710812afbc78c17af113d9e0ec4d1af79cf2d8b2613e9508bf3af3d57e8c87ccc9ebcf2818569f9e6c31de93a460094"
        "f09971f91cabd19d9698d55a7ba97a37"
    ),
    "e": 65537,
    "d": (
        "2775f96ed1f8451da8bbfbcc285721ef7f1b6ab731ffd52ecb92b20f23fbc68d46d3153a0c7ebf4c31545156e8481fe7"
        "98ad406cccc8df54628eaad6bb17eb22a0f9f90c2d870e870123588f62bba572d4e973c327309863868721cbdf3be3b7"
        "6d8d1352081e4edfa2a6eb454523397f5f9f977e0ed7240ea531273d023e488ba19db789792b9b2633875c9a195db9a2"
        "a34ff6503c53024861c4e3c36f6f95093726846369edcf35e5c6aaece108cdb497c16321aa9bff88396774dade4d725b"
        "087921e0a4df63c68342397ec7b1b30237ed49b0f02167b477b8a287abd0ba989960106ee93cdb3fc00ab7fbd67a9aa8"
        "4f30daec3bf07d151882059124445c01"
    ),
    "p": (
        "df0c276d49d40df17d78b724071480e69c3a35a9b7f5e66ada90aeba9cb6773beb213b9714b9ca54746570e829a0767d"
        "69455df59daf83e5fbcfd8989eb00512ced7f8e5ec9ae325a0d5868bdb3ecd07d3e5755fb295ca92716748e41a50602f"
        "d0e31803be2d72493ea8d9c756107ec949ac740e3e45b727e258207c758948d9"
    ),
    "q": (
        "cc4f5daf0f0f2c0c1e3d1fb2582393f4863599a5af724a85cc3571c089a3f8f7f3512baa07a09f4bcbcdde9f40df4776"
        "2f6769b499b999cb98742577a17ec0b94ed7ed5037c5e1cb062f5df5fc897eaa465835f20b6a873cfc6e9d9a65c3b683"
        "e42df03a6f1e5f80cf63b5eb812298dcf56cd04b73e24778b4f920cb3e22718f"
    ),
}
TOKEN_CASES: Final[list[dict[str, Any]]] = [
    {
        "kind": "high_bit_set",
        "dh_random_hex": "b61e6ba536824dd6b80469b84b2d451c62f746b484e61ceb95bd447e7184d454",
        "dh_challenge_hex": (
            "83377989f057c0b1ff686fd7cb887515ffbc63a3be8833e8faa1afaec596187233470d72ec4d4f4197962e546c58"
            "bbfbcde5a8f91ae62b70fab57fb44e74ab8ebbdff10d85e9115c6afeb07cfc2897151d7d02ecb904368abedb6a55"
            "5ce2c88943bfb2de5853519b8c35afca89b581389e1088692c3484adc19af88340f4cfb3883e110912415d463794"
            "5656962c3895c328b139a4fb979d9d2d84d453ef9f9a787df958cfd020825201e9cce6ef4018240bce62143b978f"
            "32e35dc6239e0e22599586116f6bac5d34da99d12413c103032875003a56377d93541807a819ad8968cd43254519"
            "9dbb4ea2080dd0a4e65a35e916ebf31f6a98744e2c74754ebfe4"
        ),
        "dh_response_hex": (
            "90988033bfdf45ddff1e2c30374efcaef3d99507a37013ebbe2e9679537d5e547886b0a0b2880d5496126e94dc12"
            "3c15fc1da05f0580e605a2613d0da0c7efac405855697c0f998737441999b83611342832b49efdc81f8b3f48a713"
            "b650d9703cfb1857a57bf40442f556cee6444ef3291fa543803bda8fb5e03a311f8081e1e0c420ac5c4f0c198f0f"
            "8d39c3c496461c7d265daeb5fb4ba0ffc226e0fd3fe77db4a903c0b9d3a44eb580b5ea87e112017ba19be035417d"
            "3eb0049e1947b7f2746561cb7676bf55d0b4821c8fcbd1b22e0ccab0aa60f928004402de9fb6a89a8f7b949d5133"
            "4d2c6038c9f6f33a65a5e4bc1506ad8e19301556f041450dd1f5"
        ),
        "shared_secret_bit_length": 2048,
        "shared_secret_key_bytes_len": 257,
        "lst_b64": "JifI0GWzyBmdpbr/BdkZgNhfagA=",
        "lst_signature_hex": "90bd5ab746bc90291ff935ed085d122f95461647",
    },
    {
        "kind": "normal",
        "dh_random_hex": "54a5054cda2ec0035e0e14ca778e6176e500bddf37b003074f0f4c3c2052e52b",
        "dh_challenge_hex": (
            "bf059988ac3f60a267b171b3d36528a36057cc9c2427a951d8e5b2648a6fc98ae0de5cd6c3c94170824f1349b916"
            "106f31e2f7b4ae4374fa730ec1d3510aeb5ad6f309d91b5a4e39e9cc706fce9d69841c72d44bb3795179aa2f46d6"
            "8dfbb3ab43978d5cd3d594960c51fe78e3afc0a6f344da3e7824eb13797fba4ccf9085a7374ac483c178f1139039"
            "0344984e087d3033e6a47380ec1e8d9ade8b1c6401a402348d1e7bd731715118de277816061636229744b38831bf"
            "0cc213b04d8597360a353814d59caf8e13044247f8b5bfcf13b691a0bfd15b4ac9a802aa13e456b2d7f169caafb0"
            "4eaf0ef1b4ea1b79c38cb4ce062f220c0dfb1598e7268c2053ce"
        ),
        "dh_response_hex": (
            "b78297841eff1f3d138255d9c3721ad52c83826ce871c0e78173b0677881551f3c797985f454accfa4f445b0de8a"
            "a144ede5bf24ef2ea7336b01244acb1111cbb97591d8b056624289dcc94df75ecbb7794518801d2a99d7cbd99aef"
            "4bf4e0ad86d502762d922ac895bb51b92721b3ac1a698b3a5b9964dcc5a9e0d6c3e2f10e9c216e587c7f97a8cfd4"
            "fe3b9d98b1bc44ded3b298f9f9dbc9bcf8c32ba935ba8cbecd1680fbb609eee0b832a9a8a63431bf9651a281aed7"
            "40e254d0998641efec1a76e2a50a58323829785ad79adb34c4686eadf937c80a5281e11ad18a2a439d18b6e7a4cb"
            "9d8ad138339f54454d622446d911734243c46e8d0e06d0fc582f"
        ),
        "shared_secret_bit_length": 2047,
        "shared_secret_key_bytes_len": 256,
        "lst_b64": "KcIktlDzgV2c0iJWi2acDLyZGjs=",
        "lst_signature_hex": "70327ab2ce201e49d82116906a942eb8f7f47e0a",
    },
    {
        "kind": "short",
        "dh_random_hex": "10a13d912c282fbcfc2d8829f4b393632585a1a582df3d8f27f293f2a2e8f6e0",
        "dh_challenge_hex": (
            "99f021bc6e01c435a83f2601258792925df44c48ea7819121f01f5aefcf59f07b32d7c4290cc0cb0f9392d763e5b"
            "13f1d0539d47e223e158bae20669bea62d003f324d8dae34e29af9a0027f1a4664e29dbda356fefb1f2da00ee4ac"
            "e2f8f0c046896e93a58894a04cc23557083a6ecb3c54be8e4e9be40122cc798e3c803d35e7f1d5421042945b4f1f"
            "d8e70cda4a3848eb2a2a19bac958d972ed1f51fb7f460835ece1f15113c5504df8bd4371e097a955644c43f52625"
            "92d49defd051d366d8cc344cd5dd3f44a0102aecc3821b52f9d188d4c1644160ef3259abfc52493637bb2655438b"
            "bfeb3a45083a729e2536487c0a40d56bfa879d450700ffc5d3b9"
        ),
        "dh_response_hex": (
            "97959a52955ec393daa6374d85e0a1bbe3c409e300181b4ba877839c468e8e2b5a51f6551a14b96cdf6a718af1a1"
            "7529b7bd31fd9f42c87388a13f11c2c929a8eaeaede5c250b6f3d4d2d334b65d05274e60b036faf5497f9baa5ec5"
            "1de1b1fdb590c688938e4521e63f1d2c221e0d0519b13cbd0d197d09a28db2443760744ba418f73d1e0d7ccfbd4a"
            "3bac5dbd225c0edf40ebc481e5d53807cc329fc73521e6911c98e64e51cc5d8cb163616bbbb1d3f338f851cff80b"
            "60871f26e99b8d1945d9c629763ee155b5f29d10f46ad9973bf019af5787883d1dfb7ee92d9dd977c5846f074a92"
            "ffd57502a36678843fc23036bdf7e040983db1da4871a7fc7522"
        ),
        "shared_secret_bit_length": 2038,
        "shared_secret_key_bytes_len": 255,
        "lst_b64": "iQliLVjIqW0YRT3XIBb8z/pLdkc=",
        "lst_signature_hex": "e87d63d5e94df3fb0fc2ae0b37b77c9622e1659c",
    },
]
KEY_BYTES: Final[list[list[str]]] = [
    ["1", "01"],
    ["7f", "7f"],
    ["80", "0080"],
    ["ff", "00ff"],
    ["100", "0100"],
    ["ff00", "00ff00"],
    ["7fff", "7fff"],
    ["8000", "008000"],
    [
        (
            "80000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "0000000000000000000000000000000000000000000000000000"
        ),
        (
            "00800000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
            "000000000000000000000000000000000000000000000000000000"
        ),
    ],
    [
        (
            "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffff"
        ),
        (
            "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
            "ffffffffffffffffffffffffffffffffffffffffffffffffffff"
        ),
    ],
    ["ff", "00ff"],
    ["7f", "7f"],
]
MINT_REQUEST: Final[dict[str, Any]] = {
    "method": "POST",
    "url": "https://api.ibkr.com/v1/api/oauth/live_session_token",
    "params": {
        "oauth_consumer_key": "TESTCONS1",
        "oauth_nonce": "Rn4xQ2bT9kLmZ0pV",
        "oauth_signature_method": "RSA-SHA256",
        "oauth_timestamp": "1762300000",
        "oauth_token": "a1b2c3d4e5f6a7b8c9d0",
        "diffie_hellman_challenge": (
            "83377989f057c0b1ff686fd7cb887515ffbc63a3be8833e8faa1afaec596187233470d72ec4d4f4197962e546c58"
            "bbfbcde5a8f91ae62b70fab57fb44e74ab8ebbdff10d85e9115c6afeb07cfc2897151d7d02ecb904368abedb6a55"
            "5ce2c88943bfb2de5853519b8c35afca89b581389e1088692c3484adc19af88340f4cfb3883e110912415d463794"
            "5656962c3895c328b139a4fb979d9d2d84d453ef9f9a787df958cfd020825201e9cce6ef4018240bce62143b978f"
            "32e35dc6239e0e22599586116f6bac5d34da99d12413c103032875003a56377d93541807a819ad8968cd43254519"
            "9dbb4ea2080dd0a4e65a35e916ebf31f6a98744e2c74754ebfe4"
        ),
    },
    "base_string": (
        "00a1b2c3d4e5f60718293a4b5c6d7e8f90112233445566778899aabbccddeeffPOST&https%3A%2F%2Fapi.ibkr.com%"
        "2Fv1%2Fapi%2Foauth%2Flive_session_token&diffie_hellman_challenge%3D83377989f057c0b1ff686fd7cb887"
        "515ffbc63a3be8833e8faa1afaec596187233470d72ec4d4f4197962e546c58bbfbcde5a8f91ae62b70fab57fb44e74a"
        "b8ebbdff10d85e9115c6afeb07cfc2897151d7d02ecb904368abedb6a555ce2c88943bfb2de5853519b8c35afca89b58"
        "1389e1088692c3484adc19af88340f4cfb3883e110912415d4637945656962c3895c328b139a4fb979d9d2d84d453ef9"
        "f9a787df958cfd020825201e9cce6ef4018240bce62143b978f32e35dc6239e0e22599586116f6bac5d34da99d12413c"
        "103032875003a56377d93541807a819ad8968cd432545199dbb4ea2080dd0a4e65a35e916ebf31f6a98744e2c74754eb"
        "fe4%26oauth_consumer_key%3DTESTCONS1%26oauth_nonce%3DRn4xQ2bT9kLmZ0pV%26oauth_signature_method%3"
        "DRSA-SHA256%26oauth_timestamp%3D1762300000%26oauth_token%3Da1b2c3d4e5f6a7b8c9d0"
    ),
    "oauth_signature": (
        "K3CcNe1Lg5u5YICMwX7YG0FDrwoNBgF6tE%2BNtAlPbZ00NnyrUDeb%2F17P4Huh1iMk850noOck5mu9GYTJNW9CjiDud5Ps"
        "SSlGU6nevdsXTLJiAza%2BzhrwZXDOJ572twTaHlZsBjr%2Bk4tczpUH4XVFw6ptNMREdUdfWuwF2mBkVA1iRnbBnRl19onz"
        "lnpyPW3A4ja3c%2B%2B6vOmz%2BZZ%2BUgOZayxwDvwyY6u6ehutUD%2FimfE9Uhz1Nl4DKZLxjB%2FgDbL4iaHAUdpX%2Bk"
        "vDGf4u1lWGnWhlLoEo4yFIV%2BohSnNYGxPTERFjViI1IrmGgXL4BXLyDl9mRkKbEBN6ALLzkzgbGQ%3D%3D"
    ),
    "authorization_header": (
        'OAuth realm="limited_poa", diffie_hellman_challenge="83377989f057c0b1ff686fd7cb887515ffbc63a3be8'
        "833e8faa1afaec596187233470d72ec4d4f4197962e546c58bbfbcde5a8f91ae62b70fab57fb44e74ab8ebbdff10d85e"
        "9115c6afeb07cfc2897151d7d02ecb904368abedb6a555ce2c88943bfb2de5853519b8c35afca89b581389e1088692c3"
        "484adc19af88340f4cfb3883e110912415d4637945656962c3895c328b139a4fb979d9d2d84d453ef9f9a787df958cfd"
        "020825201e9cce6ef4018240bce62143b978f32e35dc6239e0e22599586116f6bac5d34da99d12413c103032875003a5"
        '6377d93541807a819ad8968cd432545199dbb4ea2080dd0a4e65a35e916ebf31f6a98744e2c74754ebfe4", oauth_co'
        'nsumer_key="TESTCONS1", oauth_nonce="Rn4xQ2bT9kLmZ0pV", oauth_signature="K3CcNe1Lg5u5YICMwX7YG0F'
        "DrwoNBgF6tE%2BNtAlPbZ00NnyrUDeb%2F17P4Huh1iMk850noOck5mu9GYTJNW9CjiDud5PsSSlGU6nevdsXTLJiAza%2Bz"
        "hrwZXDOJ572twTaHlZsBjr%2Bk4tczpUH4XVFw6ptNMREdUdfWuwF2mBkVA1iRnbBnRl19onzlnpyPW3A4ja3c%2B%2B6vOm"
        "z%2BZZ%2BUgOZayxwDvwyY6u6ehutUD%2FimfE9Uhz1Nl4DKZLxjB%2FgDbL4iaHAUdpX%2BkvDGf4u1lWGnWhlLoEo4yFIV"
        '%2BohSnNYGxPTERFjViI1IrmGgXL4BXLyDl9mRkKbEBN6ALLzkzgbGQ%3D%3D", oauth_signature_method="RSA-SHA2'
        '56", oauth_timestamp="1762300000", oauth_token="a1b2c3d4e5f6a7b8c9d0"'
    ),
}
OAUTH_PARAMETERS: Final[dict[str, str]] = {
    "oauth_consumer_key": "TESTCONS1",
    "oauth_nonce": "abcDEF0123456789",
    "oauth_signature_method": "HMAC-SHA256",
    "oauth_timestamp": "1762300100",
    "oauth_token": "a1b2c3d4e5f6a7b8c9d0",
}
SIGNED_REQUESTS: Final[list[dict[str, Any]]] = [
    {
        "method": "GET",
        "url": "https://api.ibkr.com/v1/api/portfolio/accounts",
        "query": {},
        "base_string": (
            "GET&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fportfolio%2Faccounts&oauth_consumer_key%3DTESTCO"
            "NS1%26oauth_nonce%3DabcDEF0123456789%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestam"
            "p%3D1762300100%26oauth_token%3Da1b2c3d4e5f6a7b8c9d0"
        ),
        "oauth_signature": "j3jARBdpQWMY3YHw3iMa4YkoCrzrYb9MQbsJypHzWRA%3D",
    },
    {
        "method": "GET",
        "url": "https://api.ibkr.com/v1/api/iserver/marketdata/snapshot",
        "query": {
            "conids": "265598",
            "fields": "31,84,86",
        },
        "base_string": (
            "GET&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fiserver%2Fmarketdata%2Fsnapshot&conids%3D265598%"
            "26fields%3D31%2C84%2C86%26oauth_consumer_key%3DTESTCONS1%26oauth_nonce%3DabcDEF0123456789%26"
            "oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D1762300100%26oauth_token%3Da1b2c3d4"
            "e5f6a7b8c9d0"
        ),
        "oauth_signature": "ZXb7Um8IakS00hr%2FTyFeAD2WtQrDrHspzqir%2FL9YcZM%3D",
    },
    {
        "method": "GET",
        "url": "https://api.ibkr.com/v1/api/iserver/secdef/search",
        "query": {
            "symbol": "BRK B",
        },
        "base_string": (
            "GET&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fiserver%2Fsecdef%2Fsearch&oauth_consumer_key%3DT"
            "ESTCONS1%26oauth_nonce%3DabcDEF0123456789%26oauth_signature_method%3DHMAC-SHA256%26oauth_tim"
            "estamp%3D1762300100%26oauth_token%3Da1b2c3d4e5f6a7b8c9d0%26symbol%3DBRK+B"
        ),
        "oauth_signature": "T3PZFGWm81kI5rGDRH9R5dFjEisukK5FtprXtgSl5so%3D",
    },
    {
        "method": "POST",
        "url": "https://api.ibkr.com/v1/api/tickle",
        "query": {},
        "base_string": (
            "POST&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Ftickle&oauth_consumer_key%3DTESTCONS1%26oauth_n"
            "once%3DabcDEF0123456789%26oauth_signature_method%3DHMAC-SHA256%26oauth_timestamp%3D176230010"
            "0%26oauth_token%3Da1b2c3d4e5f6a7b8c9d0"
        ),
        "oauth_signature": "%2BYBeutLoVDXpq0JuV0H5Gw219XAA%2BOxksfbmtKEMgv8%3D",
    },
    {
        "method": "POST",
        "url": "https://api.ibkr.com/v1/api/iserver/account/DU1234567/orders",
        "query": {},
        "base_string": (
            "POST&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fiserver%2Faccount%2FDU1234567%2Forders&oauth_co"
            "nsumer_key%3DTESTCONS1%26oauth_nonce%3DabcDEF0123456789%26oauth_signature_method%3DHMAC-SHA2"
            "56%26oauth_timestamp%3D1762300100%26oauth_token%3Da1b2c3d4e5f6a7b8c9d0"
        ),
        "oauth_signature": "IbcbYE2m8r8qp%2Bodp2eFKLuynUp%2F3VyloJyErBpNqc4%3D",
    },
    {
        "method": "DELETE",
        "url": "https://api.ibkr.com/v1/api/iserver/account/DU1234567/order/1234567890",
        "query": {},
        "base_string": (
            "DELETE&https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Fiserver%2Faccount%2FDU1234567%2Forder%2F12345"
            "67890&oauth_consumer_key%3DTESTCONS1%26oauth_nonce%3DabcDEF0123456789%26oauth_signature_meth"
            "od%3DHMAC-SHA256%26oauth_timestamp%3D1762300100%26oauth_token%3Da1b2c3d4e5f6a7b8c9d0"
        ),
        "oauth_signature": "J%2BRHxx3cxh6jYbSk1qIqLF4peQEY4%2B%2BTNhoZTrhCGSU%3D",
    },
]
QUOTED: Final[list[list[str]]] = [
    ["hello world", "hello+world"],
    ["a=b&c=d", "a%3Db%26c%3Dd"],
    ["https://api.ibkr.com/v1/api/test", "https%3A%2F%2Fapi.ibkr.com%2Fv1%2Fapi%2Ftest"],
    ["a/b?c", "a%2Fb%3Fc"],
    ["~._-", "~._-"],
    ["ü", "%C3%BC"],
]
